package main

import "path/filepath"

// Addresses of the cluster. They exist in its network namespace alone.
const (
	nodeName      = "node1"
	nodeAddress   = "10.99.0.1"
	nodeNetwork   = "10.99.0.1/24"
	nowhere       = "10.99.0.254" // a gateway that is not there: Service addresses need some route
	serviceRange  = "10.96.0.0/16"
	firstService  = "10.96.0.1" // the Service `kubernetes`
	podRange      = "10.244.0.0/24"
	clusterDomain = "cluster.local"
	apiPort       = "6443"
	netns         = "penstock-e2e"
	pauseImage    = "localhost/pause:1"
)

// cluster is one cluster by the folder of its state. All it makes stands in that folder, but for machinePaths.
type cluster struct {
	dir    string
	source string
	crds   string
	parts  string
	// How a program is started: in the network namespace, or as it is.
	enter []string
}

// Fixed paths of kubelet and its parts: removed at the end. They are one a machine, so there is one cluster a machine.
var machinePaths = []string{"/var/lib/kubelet", "/var/log/containers", "/var/lib/cni", "/var/log/pods"}

// Cgroups that kubelet and containerd make below each controller.
var machineCgroups = []string{"kubepods", "k8s.io"}

func (c *cluster) path(elements ...string) string {
	return filepath.Join(append([]string{c.dir}, elements...)...)
}

func (c *cluster) socket() string     { return c.path("containerd.sock") }
func (c *cluster) kubeconfig() string { return c.path("admin.kubeconfig") }
func (c *cluster) tools() string      { return c.path("bin") }

func inNamespace() []string {
	return []string{"nsenter", "--net=/run/netns/" + netns, "--"}
}
