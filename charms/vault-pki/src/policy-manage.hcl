# The least that the charm needs to set up a mount, keep its CA and sign. It can export no key.
path "sys/mounts/MOUNT" { capabilities = ["read", "update"] }
path "MOUNT/config/crl" { capabilities = ["update"] }
path "MOUNT/config/cluster" { capabilities = ["update"] }
path "MOUNT/config/urls" { capabilities = ["update"] }
path "MOUNT/config/issuers" { capabilities = ["update"] }
path "MOUNT/keys" { capabilities = ["list"] }
path "MOUNT/issuer/+" { capabilities = ["read", "update"] }
path "MOUNT/issuers/generate/root/internal" { capabilities = ["update"] }
path "MOUNT/intermediate/generate/internal" { capabilities = ["update"] }
path "MOUNT/intermediate/generate/existing" { capabilities = ["update"] }
path "MOUNT/intermediate/set-signed" { capabilities = ["update"] }
path "MOUNT/roles/ROLE-rsa" { capabilities = ["update"] }
path "MOUNT/roles/ROLE-ecdsa" { capabilities = ["update"] }
path "MOUNT/issuer/+/sign/ROLE-rsa" { capabilities = ["update"] }
path "MOUNT/issuer/+/sign/ROLE-ecdsa" { capabilities = ["update"] }
path "MOUNT/revoke" { capabilities = ["update"] }
path "MOUNT/crl/rotate" { capabilities = ["read"] }
