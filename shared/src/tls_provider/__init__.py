"""The provider side of Juju's `tls-certificates` relation, behind one issuer protocol.

A charm composes `provider.Provider` with a factory for its issuer (`issuer.Issuer`); the backend
behind the issuer knows nothing of Juju. The modules are layers, from the bottom: `x509`, `issuer`,
`wire` and `policy`, `ledger`, `plan`, `engine`, `status`, `provider`.
"""
