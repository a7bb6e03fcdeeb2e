public import Foundation

/// How a server is trusted and how we show who we are, for `https`.
public struct TLSOptions: Sendable, Equatable {
    /// The certificate authorities that may vouch for the server.
    public enum Trust: Sendable, Equatable {
        /// Those of the system.
        case system
        /// Those in a PEM file.
        case file(String)
        /// Those in PEM text.
        case pem(Data)
    }

    /// A certificate of our own with its private key, both PEM text.
    public struct ClientCertificate: Sendable, Equatable {
        /// The certificate, followed by its chain if it has one.
        public var certificate: Data
        /// The private key, not encrypted.
        public var key: Data

        /// A certificate with its key.
        public init(certificate: Data, key: Data) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// Who may vouch for the server.
    public var trust: Trust
    /// What we show when the server asks for a certificate.
    public var clientCertificate: ClientCertificate?
    /// Whether the server's certificate and name are checked. Turn it off for experiments only.
    public var verifiesServer: Bool

    /// The system's authorities, no certificate of our own, everything verified, unless told.
    public init(
        trust: Trust = .system, clientCertificate: ClientCertificate? = nil, verifiesServer: Bool = true
    ) {
        self.trust = trust
        self.clientCertificate = clientCertificate
        self.verifiesServer = verifiesServer
    }
}
