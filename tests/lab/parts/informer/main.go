// Command lab-informer is a controller's eyes: client-go's own shared informer
// on the ConfigMaps of one namespace, which every Kubernetes operator has too.
// It writes what it believes to a file, anew at each change, and stays alive
// while the cluster under it is stopped, restored and started.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

type belief struct {
	// Names and resource versions of the objects in the cache.
	Objects map[string]string `json:"objects"`
	// Of the last list or event: from here a broken watch is taken up again.
	ResourceVersion string `json:"resourceVersion"`
	// What its handlers were told, in order.
	Events []string `json:"events"`
}

func main() {
	klog.InitFlags(nil)
	kubeconfig := flag.String("kubeconfig", "/etc/rancher/k3s/k3s.yaml", "")
	namespace := flag.String("namespace", "default", "")
	out := flag.String("out", "", "file for what it believes")
	flag.Parse()
	if err := run(*kubeconfig, *namespace, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(kubeconfig, namespace, out string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	informer := factory.Core().V1().ConfigMaps().Informer()
	events := make(chan string, 10000)
	tell := func(kind string, object any) {
		if gone, isGone := object.(cache.DeletedFinalStateUnknown); isGone {
			object = gone.Obj
		}
		if found, isMap := object.(*corev1.ConfigMap); isMap {
			events <- fmt.Sprintf("%s %s", kind, found.Name)
		}
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { tell("add", object) },
		UpdateFunc: func(_, object any) { tell("update", object) },
		DeleteFunc: func(object any) { tell("delete", object) },
	})
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	factory.Start(stop)
	factory.WaitForCacheSync(stop)
	return report(informer, events, out)
}

func report(informer cache.SharedIndexInformer, events <-chan string, out string) error {
	told := []string{}
	last := ""
	for {
		select {
		case event := <-events:
			told = append(told, event)
			continue
		case <-time.After(100 * time.Millisecond):
		}
		now := belief{Objects: map[string]string{}, ResourceVersion: informer.LastSyncResourceVersion(), Events: told}
		for _, object := range informer.GetStore().List() {
			if found, isMap := object.(*corev1.ConfigMap); isMap {
				now.Objects[found.Name] = found.ResourceVersion
			}
		}
		text, err := json.Marshal(now)
		if err != nil {
			return err
		}
		if string(text) == last {
			continue
		}
		last = string(text)
		if err := os.WriteFile(out+".new", text, 0o600); err != nil {
			return err
		}
		if err := os.Rename(out+".new", out); err != nil {
			return err
		}
	}
}
