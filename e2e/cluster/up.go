package main

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// up starts the cluster from nothing and waits until pods can run. What a killed one left is removed first; what this
// one made is removed when it fails.
func (c *cluster) up(images []string) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("containerd and kubelet need root")
	}
	if err := c.down(); err != nil {
		return err
	}
	for _, path := range machinePaths[:1] {
		if _, err := os.Stat(path); err == nil {
			return fmt.Errorf("%s exists: this machine has a kubelet of its own, or had one; a machine has room for one", path)
		}
	}
	if c.parts, err = buildParts(c.source); err != nil {
		return err
	}
	began := time.Now()
	defer func() {
		if err != nil {
			err = errors.Join(err, c.keepLogs(), c.down())
		}
	}()
	if err := c.bring(images); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "cluster ready after %.1f s\n", time.Since(began).Seconds())
	fmt.Printf("KUBECONFIG=%s\nNETNS=%s\nTOOLS=%s\n", c.kubeconfig(), netns, c.tools())
	return nil
}

// bring starts the parts in the order in which they need one another.
func (c *cluster) bring(images []string) error {
	if err := c.makeFolders(); err != nil {
		return err
	}
	c.enter = inNamespace()
	for _, step := range []func() error{
		func() error { return c.makePKI("https://127.0.0.1:" + apiPort) },
		c.saveKernelSettings,
		c.makeNetwork,
		func() error { return c.startEtcd("http://127.0.0.1:2379", "http://127.0.0.1:2380") },
		c.startAPIServer,
		c.startRuntime,
		func() error { return c.importAll(images) },
		c.waitForAPIServer,
		c.applyCRDs,
		c.startControllers,
		c.startNode,
		c.makeVolumes,
		c.waitForNode,
		c.restoreKernelSettings,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) importAll(images []string) error {
	pause, err := c.makePauseImage()
	if err != nil {
		return err
	}
	return c.importImages(append([]string{pause}, images...))
}

func (c *cluster) makeFolders() error {
	for _, folder := range []string{"log", "pid", "kernel", "bin", "cni/net.d", "volume-plugins", "pod-logs"} {
		if err := os.MkdirAll(c.path(folder), 0o755); err != nil {
			return err
		}
	}
	// The same program answers to these names.
	for _, tool := range []string{"kubectl", "helm"} {
		if err := os.Symlink(c.parts, c.path("bin", tool)); err != nil {
			return err
		}
	}
	return nil
}
