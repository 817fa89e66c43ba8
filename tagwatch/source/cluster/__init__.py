"""What clusters run: Kubernetes, Kustomize, Helm, and the releases that install charts."""
