import Compose

/// What may be mounted as a volume.
func memory(_ options: String) -> VolumeMount { VolumeMount(type: "tmpfs", options: options, device: "tmpfs") }
