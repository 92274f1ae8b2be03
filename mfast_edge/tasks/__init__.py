"""What a model is for, by `Model.task`: detect objects, classify whole photos. `tasks.task.of` gives the module."""

TASKS = {
    "detect": "mfast_edge.tasks.detect",
    "classify": "mfast_edge.tasks.classify",
}
