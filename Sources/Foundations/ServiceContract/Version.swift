/// The version of this service: what `msaas --version` prints and `GET /` says. The headings of `CHANGELOG.md` follow it.
public let serviceVersion = "0.2.0"
