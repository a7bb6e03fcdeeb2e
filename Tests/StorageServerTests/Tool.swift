import Foundation
import TestSupport

/// What clients of others need.
enum Tool {
    /// The settings with which AWS clients use a storage server.
    static func credentials(_ storage: RunningStorage) -> [String: String] {
        [
            "AWS_ACCESS_KEY_ID": RunningStorage.accessKey, "AWS_SECRET_ACCESS_KEY": RunningStorage.secretKey,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": storage.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PAGER": "",
            "PYTHONDONTWRITEBYTECODE": "1",
        ]
    }

    /// A file that lies beside the tests.
    static func resource(_ path: String) -> URL { Bundle.module.bundleURL.appending(path: path) }
}
