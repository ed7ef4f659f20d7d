package main

import (
	"fmt"
	"slices"
	"strings"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/security"
	authentication "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/testing"
)

// reviewTokens answers as an API server that is asked whose token one is. A token here says
// it itself: NAMESPACE/SERVICE-ACCOUNT/POD.
func reviewTokens(client kube.Client) {
	review := func(action testing.Action) (bool, runtime.Object, error) {
		review := action.(testing.CreateAction).GetObject().(*authentication.TokenReview).DeepCopy()
		review.Status = whose(review.Spec)
		return true, review, nil
	}
	client.Kube().(*fake.Clientset).PrependReactor("create", "tokenreviews", review)
}

func whose(asked authentication.TokenReviewSpec) authentication.TokenReviewStatus {
	parts := strings.Split(asked.Token, "/")
	if len(parts) != 3 || !slices.Equal(asked.Audiences, security.TokenAudiences) {
		return authentication.TokenReviewStatus{Error: "not a token of this cluster"}
	}
	return authentication.TokenReviewStatus{
		Authenticated: true,
		Audiences:     asked.Audiences,
		User: authentication.UserInfo{
			Username: fmt.Sprintf("system:serviceaccount:%s:%s", parts[0], parts[1]),
			Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + parts[0]},
			Extra:    map[string]authentication.ExtraValue{"authentication.kubernetes.io/pod-name": {parts[2]}},
		},
	}
}
