# The image for those who have a Docker daemon; `make image` builds the same without one.
FROM rust:1.95-bookworm AS build
WORKDIR /penstock
COPY . .
# Static, so that the image needs nothing else.
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static"
RUN cargo build --release --locked --target x86_64-unknown-linux-gnu \
        --package penstock-ingest --package penstock-operator \
        --bin penstock-ingest --bin penstock-operator \
    && mkdir /programs \
    && cp target/x86_64-unknown-linux-gnu/release/penstock-ingest target/x86_64-unknown-linux-gnu/release/penstock-operator /programs

FROM scratch
COPY --from=build /programs/ /
USER 65532:65532
ENTRYPOINT ["/penstock-ingest"]
