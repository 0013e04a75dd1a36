package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
)

// serveAPI runs etcd and kube-apiserver alone, on free ports of loopback and in a folder of its own, so that many may
// run side by side and nothing needs root. There are no controllers: no garbage collection, no pods. It ends when its
// standard input does, so it cannot outlive the test that started it.
func serveAPI(source, crds string) (err error) {
	parts, err := buildParts(source)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "penstock-api-")
	if err != nil {
		return err
	}
	c := &cluster{dir: folder, source: source, crds: crds, parts: parts}
	defer os.RemoveAll(folder)
	defer c.stop("kube-apiserver", "etcd")
	if err := c.makeFolders(); err != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	if err := c.bringAPI(ports); err != nil {
		c.keepLogs()
		return err
	}
	fmt.Printf("KUBECONFIG=%s\nTOOLS=%s\n", c.kubeconfig(), c.tools())
	waitForEnd()
	return nil
}

func (c *cluster) bringAPI(ports []string) error {
	if err := c.makePKI("https://127.0.0.1:" + ports[2]); err != nil {
		return err
	}
	client, peer := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	if err := c.startEtcd(client, peer); err != nil {
		return err
	}
	flags := append(c.apiserverFlags(client, ports[2]),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none")
	if err := c.startPart("kube-apiserver", flags...); err != nil {
		return err
	}
	if err := c.waitForAPIServer(); err != nil {
		return err
	}
	return c.applyCRDs()
}

// waitForEnd returns at the end of standard input or at a signal, whichever comes first.
func waitForEnd() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		ended <- syscall.SIGTERM
	}()
	<-ended
}

// freePorts holds all before it lets go, so that no two are the same.
func freePorts(count int) ([]string, error) {
	var ports []string
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}
