import OCI
import Testing

@Suite struct ReferenceTests {
    private static let hex = String(repeating: "0123456789abcdef", count: 4)

    @Test(arguments: [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27"),
        ("foo/bar", "docker.io/foo/bar:latest", "foo/bar:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("docker.io/library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("docker.io/localhost/a", "docker.io/localhost/a:latest", "docker.io/localhost/a:latest"),
        ("localhost/a", "localhost/a:latest", "localhost/a:latest"),
        ("localhost:5000/a/b:T.a_g-1", "localhost:5000/a/b:T.a_g-1", "localhost:5000/a/b:T.a_g-1"),
        ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
        ("[fe80::1]/a", "[fe80::1]/a:latest", "[fe80::1]/a:latest"),
        ("Registry.Example:443/a", "Registry.Example:443/a:latest", "Registry.Example:443/a:latest"),
        ("host:5000", "docker.io/library/host:5000", "host:5000"),
        ("docker://quay.io/a", "quay.io/a:latest", "quay.io/a:latest"),
        ("a__b.c--d_e", "docker.io/library/a__b.c--d_e:latest", "a__b.c--d_e:latest"),
        ("oci:dir", "oci:dir", "oci:dir"),
        ("oci:/a/b:v1", "oci:/a/b:v1", "oci:/a/b:v1"),
        ("oci-archive:a.tar", "oci-archive:a.tar", "oci-archive:a.tar"),
        ("docker-archive:a.tar:x:1", "docker-archive:a.tar:x:1", "docker-archive:a.tar:x:1"),
        ("docker-archive:a.tar:@1", "docker-archive:a.tar:@1", "docker-archive:a.tar:@1"),
        ("containers-storage:localhost/x:1", "containers-storage:localhost/x:1", "containers-storage:localhost/x:1"),
    ])
    func references(text: String, canonical: String, familiar: String) throws {
        let reference = try ImageReference(parsing: text)
        #expect(reference.canonical == canonical)
        #expect(reference.description == familiar)
        #expect(try ImageReference(parsing: canonical) == reference)
        #expect(try ImageReference(parsing: familiar) == reference)
    }

    @Test func digests() throws {
        let reference = try ImageReference(parsing: "a/b:1@sha256:\(Self.hex)")
        #expect(reference.canonical == "docker.io/a/b:1@sha256:\(Self.hex)")
        #expect(reference.skopeo == "docker://docker.io/a/b@sha256:\(Self.hex)")
        let untagged = try #require(try ImageReference(parsing: "nginx@sha256:\(Self.hex)").name)
        #expect(untagged.tag == nil)
        #expect(untagged.familiar == "nginx@sha256:\(Self.hex)")
        #expect(try ImageReference(parsing: "nginx").skopeo == "docker://docker.io/library/nginx:latest")
        #expect(Digest("sha512:\(Self.hex)") == nil)
        #expect(Digest("sha256:\(Self.hex.uppercased())") == nil)
        #expect(Digest("sha256:../../etc/passwd") == nil)
    }

    @Test(arguments: [
        ("", "no image is named", "NAME:TAG"),
        ("Nginx", "no upper case letters", "write nginx"),
        ("a/B:1", "no upper case letters", "write a/b"),
        ("nginx:", "there is no tag after the colon", "a tag is"),
        ("nginx:a b", "\"a b\" is no tag", "a tag is"),
        ("nginx:-x", "\"-x\" is no tag", "a tag is"),
        ("nginx:" + String(repeating: "a", count: 129), "is no tag", "a tag is"),
        ("nginx@sha256:123", "is no digest", "64 hexadecimal digits"),
        ("nginx@", "is no digest", "64 hexadecimal digits"),
        ("a//b", "empty part", "a name is parts"),
        ("/a", "empty part", "a name is parts"),
        ("a/", "empty part", "a name is parts"), ("localhost/", "there is no name", "nginx:1.27"),
        ("a b", "it has a blank", "a name is parts"),
        ("a/b$c", "\"$\" is not allowed", "a name is parts"),
        ("-a", "\"-a\" does not begin", "a name is parts"),
        ("a._b", "joins its parts wrongly", "a name is parts"),
        ("ä/b", "\"ä\" is not allowed", "a name is parts"),
        ("localhost:x/a", "\"x\" is no port", "localhost:5000/web"),
        ("localhost:99999/a", "\"99999\" is no port", "localhost:5000/web"),
        ("a_b.c/d", "\"a_b.c\" is no registry", "REGISTRY/NAME"),
        ("-a.b/d", "\"-a.b\" is no registry", "REGISTRY/NAME"),
        ("[::1/d", "\"[::1\" is no registry", "REGISTRY/NAME"),
        ("[::g]/d", "\"[::g]\" is no registry", "REGISTRY/NAME"),
        ("https://example.com/a", "no image but a URL", "REGISTRY/NAME:TAG"),
        (hex, "an image's ID", "NAME@sha256:"),
        (String(repeating: "a/", count: 130) + "a", "longer than 255", "shorter"),
        ("oci:", "nothing follows oci:", "oci:DIR"),
        ("docker-archive:", "nothing follows", "docker-archive:FILE"),
        ("a\nb", "one line", "NAME"),
    ])
    func faults(text: String, message: String, hint: String) throws {
        let fault = #expect(throws: ReferenceFault.self) { try ImageReference(parsing: text) }
        #expect(fault?.message.contains(message) == true, "\(fault?.message ?? "")")
        #expect(fault?.hint.contains(hint) == true, "\(fault?.hint ?? "")")
    }

    @Test(arguments: [
        ("localhost:5000/a", true), ("127.0.0.1/a", true), ("127.1.2.3:80/a", true), ("[::1]:80/a", true),
        ("localhost.example.com/a", false), ("127.0.0.1.example.com/a", false), ("128.0.0.1/a", false), ("a", false),
        ("[::2]/a", false),
    ])
    func loopback(text: String, isLoopback: Bool) throws {
        #expect(try ImageReference(parsing: text).name?.isLoopback == isLoopback)
    }

    @Test func relativePaths() throws {
        #expect(try ImageReference(parsing: "oci:./a:1").resolved(in: "/p").canonical == "oci:/p/a:1")
        #expect(try ImageReference(parsing: "oci:a").resolved(in: "/").canonical == "oci:/a")
        #expect(try ImageReference(parsing: "docker-archive:/a").resolved(in: "/p").canonical == "docker-archive:/a")
        #expect(try ImageReference(parsing: "nginx").resolved(in: "/p").canonical == "docker.io/library/nginx:latest")
    }
}
