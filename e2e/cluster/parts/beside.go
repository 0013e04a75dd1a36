package main

import (
	"errors"
	"os"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	"go.etcd.io/etcd/server/v3/etcdmain"
	helmcmd "helm.sh/helm/v4/pkg/cmd"
)

func etcd() { etcdmain.Main(os.Args) }

// The plugins of our Corefile, in the order in which a question passes them.
func coredns() {
	dnsserver.Directives = []string{"errors", "kubernetes"}
	coremain.Run()
}

func helm() {
	command, err := helmcmd.NewRootCmd(os.Stdout, os.Args[1:], helmcmd.SetupLogging)
	if err == nil {
		err = command.Execute()
	}
	if err == nil {
		return
	}
	var plugin helmcmd.CommandError
	if errors.As(err, &plugin) {
		os.Exit(plugin.ExitCode)
	}
	os.Exit(1)
}
