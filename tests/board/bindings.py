"""Prints the names of TensorRT's real bindings as JSON: python bindings.py tensorrt.so. Python 3.6, no GPU.

Calls into the libraries stay unresolved until they are made, and none is made here.
"""

import json
import os
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader

if __name__ == "__main__":
    sys.setdlopenflags(os.RTLD_LAZY)
    loader = ExtensionFileLoader("tensorrt", sys.argv[1])
    trt = module_from_spec(spec_from_loader("tensorrt", loader))
    loader.exec_module(trt)
    # What the package's __init__ adds to the extension is not asked of it, but for the version.
    classes = {name: dir(getattr(trt, name)) for name in dir(trt) if isinstance(getattr(trt, name), type)}
    print(json.dumps({"module": dir(trt), "classes": classes}))
