// Command lab-node stands in for the kubelet: it runs the containers of the pods
// that are bound to this node as local processes, without images. Only pods whose
// containers all name a command are run; the others stay Pending, as without it.
//
// A pod has an address of its own on lo, and each container its own mount, PID and
// host-name namespace, but all share the node's network: "localhost" is the node.
// As with K3s (KillMode=process), containers outlive this program and are taken
// over when it starts again; processes of pods that are gone then are killed.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

type node struct {
	client    kubernetes.Interface
	name      string
	address   string
	root      string
	addresses *addressPool

	mutex sync.Mutex
	pods  map[types.UID]*podRun
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "shim" {
		runShim(os.Args[2])
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "enter" {
		enterContainer(os.Args[2])
		return
	}
	kubeconfig := flag.String("kubeconfig", "", "credentials for the API server")
	name := flag.String("node-name", "", "this node")
	address := flag.String("node-ip", "", "address of this node")
	root := flag.String("root-dir", "/var/lib/kubelet", "where pods have their files")
	flag.Parse()
	log.SetPrefix("lab-node: ")
	log.SetFlags(0)
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	config.QPS, config.Burst = 100, 200
	one := &node{
		client:  kubernetes.NewForConfigOrDie(config),
		name:    *name,
		address: *address,
		root:    *root,
		pods:    map[types.UID]*podRun{},
	}
	one.addresses = newAddressPool(one.podNetwork())
	go one.serve()
	one.watch()
}

// podNetwork waits until the controller-manager has given the node its part of the pod network.
func (n *node) podNetwork() string {
	for {
		found, err := n.client.CoreV1().Nodes().Get(context.Background(), n.name, metav1.GetOptions{})
		if err == nil && found.Spec.PodCIDR != "" {
			// On a switch the other nodes' pods answer there; alone there is no eth0.
			_ = exec.Command("ip", "route", "replace", "10.42.0.0/16", "dev", "eth0").Run()
			return found.Spec.PodCIDR
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (n *node) watch() {
	selector := fields.OneTermEqualSelector("spec.nodeName", n.name)
	source := cache.NewListWatchFromClient(n.client.CoreV1().RESTClient(), "pods", metav1.NamespaceAll, selector)
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: source,
		ObjectType:    &corev1.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { n.seen(object) },
			UpdateFunc: func(_, object any) { n.seen(object) },
			DeleteFunc: func(object any) { n.gone(object) },
		},
	})
	go controller.Run(make(chan struct{}))
	cache.WaitForCacheSync(make(chan struct{}), controller.HasSynced)
	n.killOrphans(store)
	select {}
}

func (n *node) seen(object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok || !runnable(pod) {
		return
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	run, known := n.pods[pod.UID]
	if !known {
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			if pod.DeletionTimestamp != nil {
				go n.removeObject(pod)
			}
			return
		}
		run = newPodRun(n, pod)
		n.pods[pod.UID] = run
		go run.run()
	}
	if pod.DeletionTimestamp != nil {
		grace := int64(30)
		if pod.DeletionGracePeriodSeconds != nil {
			grace = *pod.DeletionGracePeriodSeconds
		}
		run.stop(time.Duration(grace) * time.Second)
	}
}

// gone: the object was removed by force, so nobody waits for its containers to end well.
func (n *node) gone(object any) {
	if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	n.mutex.Lock()
	run := n.pods[pod.UID]
	n.mutex.Unlock()
	if run != nil {
		run.stop(0)
	}
}

func (n *node) forget(uid types.UID) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	delete(n.pods, uid)
}

func (n *node) find(namespace, name string) *podRun {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, run := range n.pods {
		if run.pod.Namespace == namespace && run.pod.Name == name {
			return run
		}
	}
	return nil
}

func (n *node) removeObject(pod *corev1.Pod) {
	zero := int64(0)
	uid := pod.UID
	_ = n.client.CoreV1().Pods(pod.Namespace).Delete(context.Background(), pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &zero,
		Preconditions:      &metav1.Preconditions{UID: &uid},
	})
}

// killOrphans ends what runs for pods that the API server does not know any more, as after a restore.
func (n *node) killOrphans(store cache.Store) {
	known := map[string]bool{}
	for _, object := range store.List() {
		if pod, ok := object.(*corev1.Pod); ok {
			known[string(pod.UID)] = true
		}
	}
	entries, _ := os.ReadDir(n.root + "/pods")
	for _, entry := range entries {
		if known[entry.Name()] {
			continue
		}
		folder := n.root + "/pods/" + entry.Name()
		for _, container := range containersIn(folder) {
			log.Printf("killing a container of a pod that is gone: %s", container)
			killProcess(readPid(container))
		}
		releaseAddress(strings.TrimSpace(readFile(folder + "/address")))
		_ = os.RemoveAll(folder)
	}
}

func runnable(pod *corev1.Pod) bool {
	for _, container := range append(append([]corev1.Container{}, pod.Spec.InitContainers...), pod.Spec.Containers...) {
		if len(container.Command) == 0 {
			return false
		}
	}
	return true
}
