package main

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"istio.io/istio/manifests"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/crd"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient/clienttest"
	"istio.io/istio/pkg/test"
	"istio.io/istio/pkg/test/util/yml"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"
)

// cluster is the Kubernetes API that istiod watches.
type cluster struct {
	client    kube.CLIClient
	admission *crd.Validator
	// One change at a time.
	mutex sync.Mutex
}

func newCluster() (*cluster, error) {
	admission, err := admission()
	if err != nil {
		return nil, fmt.Errorf("Istio's CRDs: %w", err)
	}
	client := kube.NewFakeClient()
	err = test.Wrap(func(t test.Failer) {
		for _, kind := range collections.Pilot.All() {
			clienttest.MakeCRD(t, client, kind.GroupVersionResource())
		}
	})
	return &cluster{client: client, admission: admission}, err
}

// admission validates as the API server does, by the CRDs of Istio's chart.
func admission() (*crd.Validator, error) {
	crds, err := fs.ReadFile(manifests.FS, "charts/base/files/crd-all.gen.yaml")
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "crds")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "crds.yaml")
	if err := os.WriteFile(file, crds, 0o600); err != nil {
		return nil, err
	}
	return crd.NewValidatorFromFiles(file)
}

// ServeHTTP takes resources as YAML: PUT applies them, DELETE removes them.
func (c *cluster) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	change := map[string]func(*resource) error{http.MethodPut: c.apply, http.MethodDelete: c.remove}[request.Method]
	if change == nil {
		http.Error(answer, "PUT or DELETE", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, document := range yml.SplitString(string(body)) {
		resource, err := c.read(document)
		if err == nil {
			err = change(resource)
		}
		if err != nil {
			http.Error(answer, err.Error(), http.StatusUnprocessableEntity)
			return
		}
	}
}

// resource is one, and where the client keeps its kind.
type resource struct {
	object  runtime.Object
	meta    metav1.Object
	plural  schema.GroupVersionResource
	tracker testing.ObjectTracker
}

func (c *cluster) read(document string) (*resource, error) {
	loose := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(document), loose); err != nil {
		return nil, err
	}
	kind := loose.GroupVersionKind()
	named := fmt.Sprintf("%s %s", kind.Kind, loose.GetName())
	ofIstio := strings.HasSuffix(kind.Group, ".istio.io")
	if ofIstio {
		if err := c.admission.ValidateCustomResource(loose.DeepCopy()); err != nil {
			return nil, err
		}
		// Every version of a kind is stored as the one that istiod reads.
		if stored, ok := collections.Pilot.FindByGroupKind(config.FromKubernetesGVK(kind)); ok {
			kind = stored.GroupVersionKind().Kubernetes()
			loose.SetGroupVersionKind(kind)
		}
	}
	object, err := kube.IstioScheme.New(kind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", named, err)
	}
	strict := map[bool]func([]byte, any) error{
		// What Istio's kinds may hold has been seen; they are read as protocol buffers.
		true:  func(from []byte, to any) error { return yaml.Unmarshal(from, to) },
		false: func(from []byte, to any) error { return yaml.UnmarshalStrict(from, to) },
	}[ofIstio]
	text, err := yaml.Marshal(loose.Object)
	if err != nil {
		return nil, err
	}
	if err := strict(text, object); err != nil {
		return nil, fmt.Errorf("%s: %w", named, err)
	}
	about, err := meta.Accessor(object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", named, err)
	}
	plural, known := gvk.ToGVR(config.FromKubernetesGVK(kind))
	if !known {
		plural, _ = meta.UnsafeGuessKindToResource(kind)
	}
	if plural.Group == "core" {
		plural.Group = ""
	}
	return &resource{object, about, plural, c.tracker(kind.Group)}, nil
}

// tracker is what the client of that group keeps its resources in.
func (c *cluster) tracker(group string) testing.ObjectTracker {
	type tracking interface{ Tracker() testing.ObjectTracker }
	var client any = c.client.Kube()
	if strings.HasSuffix(group, ".istio.io") {
		client = c.client.Istio()
	}
	return client.(tracking).Tracker()
}

func (c *cluster) apply(r *resource) error {
	err := r.tracker.Create(r.plural, r.object, r.meta.GetNamespace())
	if kerrors.IsAlreadyExists(err) {
		err = r.tracker.Update(r.plural, r.object, r.meta.GetNamespace())
	}
	return err
}

func (c *cluster) remove(r *resource) error {
	return r.tracker.Delete(r.plural, r.meta.GetNamespace(), r.meta.GetName())
}
