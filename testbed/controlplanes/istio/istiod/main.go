// Istiod, as its own packages make it, in front of a Kubernetes API that lives in this
// process: Istio's fake client. What is applied is admitted first, as an API server would,
// by the CRDs that this version of Istio ships.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"unsafe"

	"istio.io/istio/pilot/pkg/bootstrap"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/kube"
)

func main() {
	if err := run(); err != nil {
		log.Fatalf("error: %v", err)
	}
}

func run() error {
	grpc := flag.String("grpc", "127.0.0.1:0", "address of the plain xDS port")
	secure := flag.String("secure", "", "address of the xDS port with TLS, where certificates are signed, too; none: no such port")
	http := flag.String("http", "127.0.0.1:0", "address of /ready and /debug")
	api := flag.String("api", "127.0.0.1:0", "address where resources are applied")
	mesh := flag.String("mesh", "", "file with the mesh's configuration")
	flag.Parse()

	cluster, err := newCluster()
	if err != nil {
		return err
	}
	reviewTokens(cluster.client)
	server, err := bootstrap.NewServer(arguments(*grpc, *secure, *http, *mesh), with(cluster.client))
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	if err := server.Start(stop); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- cluster.serve(*api) }()

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	select {
	case err = <-failed:
	case <-signals:
	}
	close(stop)
	return err
}

func arguments(grpc, secure, http, mesh string) *bootstrap.PilotArgs {
	return bootstrap.NewPilotArgs(func(args *bootstrap.PilotArgs) {
		args.Namespace = constants.IstioSystemNamespace
		args.MeshConfigFile = mesh
		args.RegistryOptions.Registries = []string{"Kubernetes"}
		args.RegistryOptions.KubeOptions.DomainSuffix = constants.DefaultClusterLocalDomain
		args.ServerOptions = bootstrap.DiscoveryServerOptions{
			GRPCAddr: grpc, SecureGRPCAddr: secure, HTTPAddr: http, MonitoringAddr: "127.0.0.1:0",
		}
	})
}

// with gives the server its client before it makes one itself. The field is private, and
// the only other way in is a kubeconfig of a real API server.
func with(client kube.Client) func(*bootstrap.Server) {
	return func(server *bootstrap.Server) {
		field := reflect.ValueOf(server).Elem().FieldByName("kubeClient")
		reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(client))
	}
}

func (c *cluster) serve(address string) error {
	return fmt.Errorf("the API at %s: %w", address, http.ListenAndServe(address, c))
}
