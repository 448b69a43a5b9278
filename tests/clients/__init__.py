"""Released packages that use Captum, driven under Captum and under `pellucid.compat`: `make test-clients`, by hand."""
