"""The steps of each kind of device, as a bundle tells them."""
