package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// identity is a certificate with its key: the authority's own, or one that it signed.
type identity struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	certPEM     []byte
	keyPEM      []byte
}

// component is whom a certificate speaks for; Kubernetes reads user and group from its subject.
type component struct {
	file    string
	user    string
	group   string
	names   []string
	servers bool
	clients bool
	// Whether it gets a kubeconfig.
	config bool
}

func components() []component {
	return []component{
		{file: "apiserver", user: "kube-apiserver", servers: true,
			names: []string{"localhost", "kubernetes.default.svc", "127.0.0.1", firstService, nodeAddress}},
		{file: "apiserver-kubelet", user: "kube-apiserver-kubelet-client", group: "system:masters", clients: true},
		{file: "admin", user: "admin", group: "system:masters", clients: true, config: true},
		{file: "controller-manager", user: "system:kube-controller-manager", clients: true, config: true},
		{file: "scheduler", user: "system:kube-scheduler", clients: true, config: true},
		{file: "proxy", user: "system:kube-proxy", clients: true, config: true},
		{file: "node", user: "system:node:" + nodeName, group: "system:nodes", servers: true, clients: true,
			names: []string{nodeName, nodeAddress}, config: true},
	}
}

// makePKI writes ca.crt, a certificate, key and kubeconfig for each component, and the key pair that signs the tokens
// of ServiceAccounts.
func (c *cluster) makePKI(server string) error {
	authority, err := newIdentity(component{user: "penstock-e2e"}, nil)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path("ca.crt"), authority.certPEM, 0o644); err != nil {
		return err
	}
	for _, who := range components() {
		id, err := newIdentity(who, authority)
		if err != nil {
			return err
		}
		if err := c.writeIdentity(who, id, authority, server); err != nil {
			return err
		}
	}
	return c.makeAccountKeys()
}

func (c *cluster) writeIdentity(who component, id, authority *identity, server string) error {
	if err := os.WriteFile(c.path(who.file+".crt"), id.certPEM, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(c.path(who.file+".key"), id.keyPEM, 0o600); err != nil {
		return err
	}
	if !who.config {
		return nil
	}
	encode := base64.StdEncoding.EncodeToString
	text := fmt.Sprintf(kubeconfigTemplate, netns, server, encode(authority.certPEM), encode(id.certPEM), encode(id.keyPEM))
	return os.WriteFile(c.path(who.file+".kubeconfig"), []byte(text), 0o600)
}

const kubeconfigTemplate = `apiVersion: v1
kind: Config
current-context: %[1]s
contexts: [{name: %[1]s, context: {cluster: %[1]s, user: %[1]s}}]
clusters: [{name: %[1]s, cluster: {server: "%[2]s", certificate-authority-data: %[3]s}}]
users: [{name: %[1]s, user: {client-certificate-data: %[4]s, client-key-data: %[5]s}}]
`

// newIdentity makes a key and its certificate, signed by the authority; without one it becomes an authority itself.
func newIdentity(who component, authority *identity) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificateTemplate(who, authority == nil)
	parent, signer := template, key
	if authority != nil {
		parent, signer = authority.certificate, authority.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &identity{
		certificate: certificate,
		key:         key,
		certPEM:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:      pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

func certificateTemplate(who component, authority bool) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: who.user},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(30 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  authority,
	}
	if authority {
		template.KeyUsage |= x509.KeyUsageCertSign
	}
	if who.group != "" {
		template.Subject.Organization = []string{who.group}
	}
	if who.servers {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if who.clients {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	for _, name := range who.names {
		if address := net.ParseIP(name); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return template
}

// makeAccountKeys is RSA because every client can check it.
func (c *cluster) makeAccountKeys() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(c.path("sa.key"), private, 0o600); err != nil {
		return err
	}
	return os.WriteFile(c.path("sa.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644)
}
