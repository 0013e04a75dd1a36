package main

import (
	"os"
	"syscall"
)

// startEtcd keeps its data only as long as the cluster lives, so it need not sync.
func (c *cluster) startEtcd(client, peer string) error {
	return c.startPart("etcd",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer,
		"--data-dir="+c.path("etcd"), "--unsafe-no-fsync", "--log-level=warn")
}

// apiserverFlags are those that do not depend on whether there is a node.
func (c *cluster) apiserverFlags(etcd, port string) []string {
	return []string{
		"--etcd-servers=" + etcd,
		"--secure-port=" + port,
		"--tls-cert-file=" + c.path("apiserver.crt"), "--tls-private-key-file=" + c.path("apiserver.key"),
		"--client-ca-file=" + c.path("ca.crt"),
		"--cert-dir=" + c.path("apiserver"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path("sa.pub"), "--service-account-signing-key-file=" + c.path("sa.key"),
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true", "--profiling=false",
	}
}

func (c *cluster) startAPIServer() error {
	flags := append(c.apiserverFlags("http://127.0.0.1:2379", apiPort),
		"--bind-address=0.0.0.0", "--advertise-address="+nodeAddress,
		"--kubelet-client-certificate="+c.path("apiserver-kubelet.crt"),
		"--kubelet-client-key="+c.path("apiserver-kubelet.key"),
		"--kubelet-certificate-authority="+c.path("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP")
	return c.startPart("kube-apiserver", flags...)
}

// restartAPIServer is for stories of what a crash does; etcd goes on.
func (c *cluster) restartAPIServer() (err error) {
	if c.parts, err = buildParts(c.source); err != nil {
		return err
	}
	c.enter = inNamespace()
	if pid, err := readPid(c.path("pid", "kube-apiserver")); err == nil && c.owns(pid) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := c.stop("kube-apiserver"); err != nil {
		return err
	}
	if err := c.startAPIServer(); err != nil {
		return err
	}
	return c.waitForAPIServer()
}

func (c *cluster) waitForAPIServer() error {
	return c.waitFor("the API server", func() error {
		_, err := c.kubectl("", "get", "--raw", "/readyz")
		return err
	})
}

// applyCRDs comes before the controller-manager: its garbage collector learns kinds when it starts and then seldom, and
// children of a kind that it does not know live 40 s longer than their owner.
func (c *cluster) applyCRDs() error {
	if c.crds == "" {
		return nil
	}
	if _, err := os.Stat(c.crds); err != nil {
		return err
	}
	_, err := c.kubectl("", "apply", "--server-side", "-f", c.crds)
	return err
}

// startControllers lifts the controller-manager's limit of calls: with the default one it takes seconds to make the
// first ServiceAccount.
func (c *cluster) startControllers() error {
	if err := c.startPart("kube-controller-manager", append(c.as("controller-manager"),
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+c.path("sa.key"), "--root-ca-file="+c.path("ca.crt"),
		"--controllers=*", "--allocate-node-cidrs=false",
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--cert-dir="+c.path("controller-manager"),
		"--flex-volume-plugin-dir="+c.path("volume-plugins"))...); err != nil {
		return err
	}
	return c.startPart("kube-scheduler", append(c.as("scheduler"), "--cert-dir="+c.path("scheduler"))...)
}

func (c *cluster) as(who string) []string {
	file := c.path(who + ".kubeconfig")
	return []string{
		"--kubeconfig=" + file, "--authentication-kubeconfig=" + file, "--authorization-kubeconfig=" + file,
		"--bind-address=127.0.0.1", "--leader-elect=false",
	}
}
