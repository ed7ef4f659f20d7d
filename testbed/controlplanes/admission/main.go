// Says of resources what an API server would that has the CRDs of Istio and of Envoy
// Gateway (and with it those of the Gateway API): by Kubernetes' own validation, rules in
// CEL and unknown fields included.
//
// It reads a resource as JSON from every line of its input, and writes a line for each:
// nothing where the resource is admitted, or why it isn't.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"strings"
	"testing/fstest"

	eg "github.com/envoyproxy/gateway"
	// For the version of the module, whose CRDs are read from its folder.
	_ "istio.io/api/extensions/v1alpha1"
	"sigs.k8s.io/kubectl-validate/pkg/openapiclient"
	"sigs.k8s.io/kubectl-validate/pkg/validator"
)

// kubernetes is the newest version whose kinds kubectl-validate has.
const kubernetes = "1.32"

// istio is the file with the CRDs in the folder of the module istio.io/api, which has them
// as data and not as code. The linker sets it: scripts/controlplanes.sh.
var istio string

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		log.Fatalf("error: %v", err)
	}
}

func run(asked io.Reader, said io.Writer) error {
	crds, err := os.ReadFile(istio)
	if err != nil {
		return err
	}
	folder := fstest.MapFS{
		"crds/istio.yaml":         {Data: crds},
		"crds/envoy-gateway.yaml": {Data: eg.GatewayCRDs},
	}
	all, err := fs.Sub(folder, "crds")
	if err != nil {
		return err
	}
	admission, err := validator.New(openapiclient.NewComposite(
		openapiclient.NewHardcodedBuiltins(kubernetes), openapiclient.NewLocalCRDFiles(all)))
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(asked)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		verdict := ""
		if err := admit(admission, lines.Bytes()); err != nil {
			verdict = strings.Join(strings.Fields(err.Error()), " ")
		}
		if _, err := fmt.Fprintln(said, verdict); err != nil {
			return err
		}
	}
	return lines.Err()
}

func admit(admission *validator.Validator, text []byte) error {
	kind, object, err := admission.Parse(text)
	if err != nil {
		return err
	}
	if kind.Empty() {
		return errors.New("it has no kind")
	}
	return admission.Validate(object)
}
