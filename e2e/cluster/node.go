package main

import (
	"os"
	"strings"
)

// startRuntime starts Debian's containerd with settings for a machine that may have no AppArmor, no systemd, and no
// right to lower anybody's OOM score.
func (c *cluster) startRuntime() error {
	if err := c.write("containerd.toml", containerdConfig); err != nil {
		return err
	}
	if err := c.write("cni/net.d/10-bridge.conflist", cniConfig); err != nil {
		return err
	}
	if err := c.start("containerd", "containerd", "--config", c.path("containerd.toml")); err != nil {
		return err
	}
	return c.waitFor("containerd", func() error {
		_, err := c.ctr("version")
		return err
	})
}

func (c *cluster) startNode() error {
	if err := c.write("kubelet.yaml", kubeletConfig); err != nil {
		return err
	}
	if err := c.write("resolv.conf", "nameserver 127.0.0.1\n"); err != nil {
		return err
	}
	if err := c.startPart("kubelet", "--kubeconfig="+c.path("node.kubeconfig"), "--config="+c.path("kubelet.yaml"),
		"--hostname-override="+nodeName, "--node-ip="+nodeAddress,
		"--root-dir="+c.path("kubelet"), "--cert-dir="+c.path("kubelet-pki")); err != nil {
		return err
	}
	if err := c.write("proxy.yaml", proxyConfig); err != nil {
		return err
	}
	if err := c.startPart("kube-proxy", "--config="+c.path("proxy.yaml")); err != nil {
		return err
	}
	if err := c.write("Corefile", corefile); err != nil {
		return err
	}
	return c.startPart("coredns", "-conf", c.path("Corefile"))
}

func (c *cluster) waitForNode() error {
	if err := c.waitFor("the node", func() error {
		_, err := c.kubectl("", "wait", "--for=condition=Ready", "--timeout=20s", "node/"+nodeName)
		return err
	}); err != nil {
		return err
	}
	return c.waitFor("the default ServiceAccount", func() error {
		_, err := c.kubectl("", "get", "serviceaccount", "default")
		return err
	})
}

// write fills in the cluster's folder and addresses and puts the text into a file of that folder.
func (c *cluster) write(file, text string) error {
	filled := strings.NewReplacer("DIR", c.dir, "NODE_ADDRESS", nodeAddress, "NODE", nodeName, "POD_RANGE", podRange,
		"PAUSE", pauseImage, "DOMAIN", clusterDomain, "CONTEXT", netns).Replace(text)
	return os.WriteFile(c.path(file), []byte(filled), 0o644)
}

const containerdConfig = `version = 2
root = "DIR/containerd-root"
state = "DIR/containerd-state"
[grpc]
address = "DIR/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "PAUSE"
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "DIR/cni/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
`

const cniConfig = `{ "cniVersion": "0.4.0", "name": "podnet", "plugins": [
  { "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
    "ipam": { "type": "host-local", "dataDir": "DIR/cni-ipam", "ranges": [[{ "subnet": "POD_RANGE" }]],
              "routes": [{ "dst": "0.0.0.0/0" }] } },
  { "type": "portmap", "capabilities": { "portMappings": true } } ] }
`

// syncFrequency stays at its default of a minute: that is what users have, and what a mounted Secret waits for.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
enforceNodeAllocatable: []
failSwapOn: false
containerRuntimeEndpoint: unix://DIR/containerd.sock
address: NODE_ADDRESS
authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: DIR/ca.crt } }
authorization: { mode: Webhook }
tlsCertFile: DIR/node.crt
tlsPrivateKeyFile: DIR/node.key
clusterDNS: [NODE_ADDRESS]
clusterDomain: DOMAIN
resolvConf: DIR/resolv.conf
evictionHard: { memory.available: "1Mi", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%" }
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
localStorageCapacityIsolation: false
syncFrequency: 1m0s
oomScoreAdj: 0
maxPods: 250
volumePluginDir: DIR/volume-plugins
podLogsDir: DIR/pod-logs
`

const proxyConfig = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
bindAddress: NODE_ADDRESS
hostnameOverride: NODE
clusterCIDR: POD_RANGE
clientConnection: { kubeconfig: DIR/proxy.kubeconfig }
conntrack: { maxPerCore: 0, min: 0 }
`

const corefile = `.:53 {
    errors
    kubernetes DOMAIN {
        kubeconfig DIR/admin.kubeconfig CONTEXT
    }
}
`
