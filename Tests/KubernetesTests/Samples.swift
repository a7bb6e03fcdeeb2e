import HTTPTransport
import Kubernetes
import KubernetesDouble

extension ClusterDouble {
    /// A Deployment whose pods ask for 600 MiB each.
    func putWorker(replicas: Int) throws {
        try put(
            .deployments,
            [
                "metadata": ["name": "worker"],
                "spec": [
                    "replicas": .int(replicas),
                    "selector": ["matchLabels": ["app.kubernetes.io/name": "worker"]],
                    "template": [
                        "metadata": ["labels": ["app.kubernetes.io/name": "worker"]],
                        "spec": [
                            "containers": [
                                [
                                    "name": "worker", "image": "example.invalid/msaas-worker:1.0.0",
                                    "resources": ["requests": ["cpu": "1", "memory": "600Mi"]],
                                ]
                            ]
                        ],
                    ],
                ],
            ])
    }

    /// A pod of the worker that runs.
    func putPod(_ name: String) throws {
        try put(
            .pods,
            [
                "metadata": ["name": .string(name), "labels": ["app.kubernetes.io/name": "worker"]],
                "spec": ["nodeName": "node-a", "containers": [["name": "worker"]]],
                "status": ["phase": "Running", "conditions": [["type": "Ready", "status": "True"]]],
            ])
    }

    /// A node with room for pods.
    func putNode(_ name: String, memory: String) throws {
        try put(
            .nodes,
            [
                "metadata": ["name": .string(name)],
                "status": ["allocatable": ["memory": .string(memory), "pods": "110"]],
            ])
    }
}

extension DoubleServer {
    /// A client that repeats at once.
    func client(retry: RetryPolicy = .quick) -> KubernetesClient {
        KubernetesClient(ClusterConfiguration(server: url, namespace: "msaas"), retry: retry)
    }
}
