# endpoint_wire.sh -- between ril-teach and a server: TLS and why it fails, HTTP/2 (nginx; hypercorn in $PYTHON), proxies as curl takes them
# from the command line and the environment (tests/proxy.py, tinyproxy), and who sees the key.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/endpoint.sh"
cd "$T" || exit 1
can_ask || skip_all "servers: no python3, or a build without libcurl"
command -v openssl >/dev/null || skip_all "TLS, HTTP/2 and proxies: no openssl"
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
M=$RIL_ROOT/share/models/student K=sk-wire-0123456789abcdef
echo $K >key
ril-scenes -q -o d -n 40 --seed 1
ril-encode -q -m "$M" --batch 40 d/scene.jsonl -o e.ril
ask() { ril-teach --endpoint "$1" --model big -n 1 --tokenizer "$M" --image-root d --max-new-tokens 60 --retries 0 --key-file key -i e.ril -o v.ril "${@:2}"; }
says() { check "says $1: $(tail -n 2 err)" grep -qF -- "$1" err; }
all_came() { says "40 answers asked for: 40 came"; }

# ---- certificates ----
make_cert() { # make_cert NAME [OPTION...]: NAME.pem, NAME.key, of localhost, by ca
	openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj /CN=localhost 2>/dev/null &&
		openssl ca -batch -config ca.conf -in "$1.csr" -out "$1.pem" -notext "${@:2}" 2>/dev/null
}
mkdir new && touch index && echo 01 >serial
cat >ca.conf <<'END'
[ca]
default_ca = me
[me]
database = index
serial = serial
new_certs_dir = new
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_days = 2
policy = any
unique_subject = no
x509_extensions = host
[any]
commonName = supplied
[host]
subjectAltName = DNS:localhost
END
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=some authority" 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -keyout self.key -out self.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
make_cert good
make_cert old -startdate 20200101000000Z -enddate 20200102000000Z
for c in good old self; do
	start_server "tls-$c" 0 "$c.pem" "$c.key"
	eval "$c=$port"
done
start_server plain; plain=$port
URL=https://localhost:$good/ok
expect_exit 0 ask "$URL" --cacert ca.pem; all_came
CURL_CA_BUNDLE=ca.pem expect_exit 0 ask "$URL"; all_came
expect_exit 0 ask "$URL" --insecure; all_came
expect_exit 1 ask "$URL"; says "unable to get local issuer certificate (--cacert or --insecure)"
expect_exit 1 ask "https://127.0.0.1:$good/ok" --cacert ca.pem; says "matches target host name '127.0.0.1' (--cacert or --insecure)"
expect_exit 1 ask "https://localhost:$old/ok" --cacert ca.pem; says "certificate has expired (--cacert or --insecure)"
expect_exit 1 ask "https://localhost:$self/ok" --cacert ca.pem; says "self-signed certificate (--cacert or --insecure)"
expect_exit 1 ask "$URL" --cacert nowhere.pem; says "nowhere.pem"
echo none >empty.pem
expect_exit 1 ask "$URL" --cacert empty.pem; says "empty.pem"
expect_exit 1 ask "https://localhost:$plain/ok" --cacert ca.pem --connect-timeout .5; says "SSL connection timeout"
expect_exit 1 ask "http://localhost:$good/ok"; says "no answer: "
check "nobody untrusted was asked" [ ! -s tls-old/log -a ! -s tls-self/log ]

# ---- HTTP/2: many requests on one connection ----
if nginx=$(PATH=$PATH:/usr/sbin command -v nginx); then
	start_server behind 0.05; behind=$port
	port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	mkdir -p nginx
	cat >nginx.conf <<END
daemon off; master_process off; pid $T/nginx/pid; error_log $T/nginx/error.log;
events { worker_connections 512; }
http {
	log_format what '\$server_protocol \$connection \$status'; access_log $T/nginx/access.log what; client_max_body_size 64m;
	client_body_temp_path $T/nginx/a; proxy_temp_path $T/nginx/b; fastcgi_temp_path $T/nginx/c; uwsgi_temp_path $T/nginx/d; scgi_temp_path $T/nginx/e;
	server {
		listen 127.0.0.1:$port ssl http2; ssl_certificate $T/good.pem; ssl_certificate_key $T/good.key;
		location / { proxy_pass http://127.0.0.1:$behind; proxy_http_version 1.1; }
	}
}
END
	"$nginx" -p "$T/nginx" -e "$T/nginx/error.log" -c "$T/nginx.conf" >nginx/out 2>&1 &
	pid=$!
	for _ in $(seq 50); do [ -s nginx/pid ] && break; sleep .1; done
	for how in ok busy here one; do
		: >nginx/access.log
		expect_exit 0 ask "https://localhost:$port/$how" --cacert ca.pem --retries 2; all_came
		check "$how: HTTP/2: $(head -n 1 nginx/access.log)" bash -c '[ "$(cut -d " " -f 1 nginx/access.log | sort -u)" = HTTP/2.0 ]'
		check "$how: one connection: $(cut -d ' ' -f 2 nginx/access.log | sort | uniq -c)" [ "$(cut -d ' ' -f 2 nginx/access.log | sort -u | wc -l)" = 1 ]
	done
	expect_exit 1 ask "https://localhost:$port/cut" --cacert ca.pem; says "no answer: "
	check "the key comes through, and no other does" [ "$(jq -rs 'map(.key) | unique | join(" ")' behind/log)" = $K ]
	kill $pid; wait $pid 2>/dev/null
else skip "HTTP/2 through nginx: not installed"; fi
if "$python" -c 'import hypercorn, h2' 2>/dev/null; then
	cat >app.py <<'END'
import json
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    while (await receive()).get("more_body"):
        pass
    with open("asgi.log", "a") as f:
        f.write(f"{scope['http_version']} {scope['client'][1]}\n")
    body = json.dumps({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
END
	port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	"$python" -m hypercorn app:app -b "127.0.0.1:$port" --certfile good.pem --keyfile good.key >hyper.log 2>&1 &
	pid=$!
	for _ in $(seq 100); do grep -q Running hyper.log && break; sleep .1; done
	expect_exit 0 ask "https://localhost:$port/v1" --cacert ca.pem; all_came
	check "hypercorn: HTTP/2 on one connection: $(sort -u asgi.log)" [ "$(sort -u asgi.log | wc -l)" = 1 -a "$(cut -d ' ' -f 1 asgi.log | sort -u)" = 2 ]
	kill $pid; wait $pid 2>/dev/null
else skip "HTTP/2 by hypercorn: $python has none"; fi

# ---- proxies ----
start_script proxy "$RIL_ROOT/tests/proxy.py"; P=http://127.0.0.1:$port
start_script guarded "$RIL_ROOT/tests/proxy.py" me:pass-of-proxy; G=127.0.0.1:$port
via() { # via N COMMAND...: asks, and N requests went through the proxy
	local n=$1; shift
	: >proxy/log
	expect_exit 0 "$@"; all_came
	check "$n through the proxy: $(wc -l <proxy/log): ${*:2}" [ "$(wc -l <proxy/log | sed 's/^[2-9]$/1/;s/^[0-9][0-9]$/1/')" = "$n" ]
}
via 1 ask "$URL" --cacert ca.pem --proxy "$P"
check "as a tunnel: $(head -n 1 proxy/log)" grep -qx "CONNECT localhost:$good HTTP/1.1 | no key" proxy/log
https_proxy=$P via 1 ask "$URL" --cacert ca.pem
HTTPS_PROXY=$P via 1 ask "$URL" --cacert ca.pem
ALL_PROXY=$P via 1 ask "$URL" --cacert ca.pem
https_proxy=$P NO_PROXY=localhost via 0 ask "$URL" --cacert ca.pem
https_proxy=$P no_proxy='*' via 0 ask "$URL" --cacert ca.pem
https_proxy=$P NO_PROXY=example.org via 1 ask "$URL" --cacert ca.pem
http_proxy=$P via 0 ask "$URL" --cacert ca.pem
https_proxy=http://127.0.0.1:1 via 1 ask "$URL" --cacert ca.pem --proxy "$P"
http_proxy=$P via 1 ask "http://localhost:$plain/ok"
check "in absolute form: $(head -n 1 proxy/log)" grep -q "^POST http://localhost:$plain/ok/chat/completions " proxy/log
https_proxy=http://me:pass-of-proxy@$G expect_exit 0 ask "$URL" --cacert ca.pem -v; all_came
check "the proxy's password is not said" bash -c '! grep -raq pass-of-proxy err v.ril'
SECONDS=0
https_proxy=http://me:wrong-password@$G expect_exit 1 ask "$URL" --cacert ca.pem --retries 8; says "407"; says "(--proxy: "
http_proxy=http://me:wrong-password@$G expect_exit 1 ask "http://localhost:$plain/ok" --retries 8; says "status 407: it wants"; says "(--proxy: "
check "nor tried again: $SECONDS s" [ "$SECONDS" -le 3 ]
check "nor is a wrong one said" bash -c '! grep -q wrong-password err'
expect_exit 1 ask "$URL" --cacert ca.pem --proxy http://127.0.0.1:1; says "127.0.0.1 port 1"
expect_exit 1 ask "$URL" --cacert ca.pem --proxy http://no-such-host.invalid:1; says "no-such-host.invalid"; says "(--proxy: "
expect_exit 2 ask "$URL" --proxy "http://me:pass-of-proxy@$G"; check "which is not repeated" bash -c '! grep -q pass-of err'
check "no proxy of a tunnel saw the key" bash -c "! grep CONNECT proxy/log guarded/log | grep -q $K"
if tinyproxy=$(PATH=$PATH:/usr/sbin command -v tinyproxy); then
	port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	printf 'Port %s\nListen 127.0.0.1\nMaxClients 200\nLogFile "%s"\nLogLevel Connect\nConnectPort %s\nAllow 127.0.0.1\n' "$port" "$T/tiny.log" "$good" >tiny.conf
	"$tinyproxy" -d -c tiny.conf >tiny.out 2>&1 &
	pid=$!
	for _ in $(seq 50); do grep -q Accepting tiny.log 2>/dev/null && break; sleep .1; done
	https_proxy=http://127.0.0.1:$port expect_exit 0 ask "$URL" --cacert ca.pem; all_came
	check "through tinyproxy: $(grep -c CONNECT tiny.log)" grep -q "CONNECT localhost:$good" tiny.log
	kill $pid; wait $pid 2>/dev/null
else skip "a proxy that others wrote: no tinyproxy"; fi
test_end
