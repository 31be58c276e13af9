"""Programs that other interpreters execute inside the sandbox: written to the scratch folder, never imported."""
