package main

import (
	"context"
	"fmt"
	"regexp"
	"sort"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// environment resolves a container's variables; a Secret or ConfigMap that is missing is an error, as with a kubelet.
func (r *podRun) environment(container *corev1.Container) ([]string, error) {
	values := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME": "/root", "LANG": "C.UTF-8", "HOSTNAME": r.pod.Name,
	}
	for _, from := range container.EnvFrom {
		data, err := r.allKeys(from)
		if err != nil {
			return nil, err
		}
		for key, value := range data {
			values[from.Prefix+key] = value
		}
	}
	for _, one := range container.Env {
		value := expand(one.Value, values)
		if one.ValueFrom != nil {
			found, err := r.valueFrom(one.ValueFrom)
			if err != nil {
				return nil, err
			}
			value = found
		}
		values[one.Name] = value
	}
	lines := make([]string, 0, len(values))
	for name, value := range values {
		lines = append(lines, name+"="+value)
	}
	sort.Strings(lines)
	return lines, nil
}

func (r *podRun) valueFrom(from *corev1.EnvVarSource) (string, error) {
	switch {
	case from.FieldRef != nil:
		return r.fieldOf(from.FieldRef.FieldPath)
	case from.SecretKeyRef != nil:
		secret, err := r.node.client.CoreV1().Secrets(r.pod.Namespace).Get(context.Background(), from.SecretKeyRef.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		value, found := secret.Data[from.SecretKeyRef.Key]
		if !found {
			return "", fmt.Errorf("couldn't find key %s in Secret %s/%s", from.SecretKeyRef.Key, r.pod.Namespace, secret.Name)
		}
		return string(value), nil
	case from.ConfigMapKeyRef != nil:
		config, err := r.node.client.CoreV1().ConfigMaps(r.pod.Namespace).Get(context.Background(), from.ConfigMapKeyRef.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		value, found := config.Data[from.ConfigMapKeyRef.Key]
		if !found {
			return "", fmt.Errorf("couldn't find key %s in ConfigMap %s/%s", from.ConfigMapKeyRef.Key, r.pod.Namespace, config.Name)
		}
		return value, nil
	}
	return "", fmt.Errorf("the lab does not know this kind of valueFrom")
}

func (r *podRun) allKeys(from corev1.EnvFromSource) (map[string]string, error) {
	values := map[string]string{}
	if from.SecretRef != nil {
		secret, err := r.node.client.CoreV1().Secrets(r.pod.Namespace).Get(context.Background(), from.SecretRef.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		for key, value := range secret.Data {
			values[key] = string(value)
		}
	}
	if from.ConfigMapRef != nil {
		config, err := r.node.client.CoreV1().ConfigMaps(r.pod.Namespace).Get(context.Background(), from.ConfigMapRef.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		for key, value := range config.Data {
			values[key] = value
		}
	}
	return values, nil
}

func (r *podRun) fieldOf(path string) (string, error) {
	fields := map[string]string{
		"metadata.name":      r.pod.Name,
		"metadata.namespace": r.pod.Namespace,
		"metadata.uid":       string(r.pod.UID),
		"spec.nodeName":      r.pod.Spec.NodeName,
		"status.podIP":       r.address,
		"status.hostIP":      r.node.address,
	}
	value, found := fields[path]
	if !found {
		return "", fmt.Errorf("the lab does not know the field %s", path)
	}
	return value, nil
}

var reference = regexp.MustCompile(`\$\$|\$\([A-Za-z_.-][A-Za-z0-9_.-]*\)`)

// expand replaces $(NAME) of known variables, as a kubelet does in commands, arguments and values.
func expand(text string, values map[string]string) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$$" {
			return "$"
		}
		if value, known := values[found[2:len(found)-1]]; known {
			return value
		}
		return found
	})
}
