# The least that the charm needs on a mount that somebody else keeps.
path "MOUNT/sign/ROLE" { capabilities = ["update"] }
path "MOUNT/revoke" { capabilities = ["update"] }
path "MOUNT/crl/rotate" { capabilities = ["read"] }
