package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectlcmd "k8s.io/kubectl/pkg/cmd"
	apiserverapp "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllerapp "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxyapp "k8s.io/kubernetes/cmd/kube-proxy/app"
	schedulerapp "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeletapp "k8s.io/kubernetes/cmd/kubelet/app"
)

func apiserver()         { run(apiserverapp.NewAPIServerCommand()) }
func controllerManager() { run(controllerapp.NewControllerManagerCommand()) }
func scheduler()         { run(schedulerapp.NewSchedulerCommand()) }
func proxy()             { run(proxyapp.NewProxyCommand()) }
func kubelet()           { run(kubeletapp.NewKubeletCommand(context.Background())) }

func kubectl() {
	command := kubectlcmd.NewDefaultKubectlCommand()
	if err := cli.RunNoErrOutput(command); err != nil {
		// As kubectl's own main: cobra has printed nothing yet.
		os.Stderr.WriteString("error: " + err.Error() + "\n")
		os.Exit(1)
	}
}

func run(command *cobra.Command) { os.Exit(cli.Run(command)) }
