"""Every hook tool: the forms that it takes and those that it refuses, to the letter."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from minijuju.hooktools import TOOLS, names
from minijuju.operations import RunTask
from minijuju.secret import Owner, Secret
from minijuju.task import Task
from minijuju.testing import MODEL_UUID, Simulation, tool

if TYPE_CHECKING:
    from minijuju.context import HookContext

ID = 's' * 20
"""The application's secret ``ca``: key ``key``, content ``one``."""
OTHERS = f'secret://00000000-0000-0000-0000-000000000000/{ID}'

# What the specification lists. A charm that finds one of them missing would not say why.
LISTED = {
    *('relation-ids', 'relation-list', 'relation-get', 'relation-set', 'relation-model-get'),
    *('is-leader', 'config-get', 'status-set', 'status-get', 'juju-log'),
    *('application-version-set', 'action-get', 'action-set', 'action-log', 'action-fail'),
    *('open-port', 'close-port', 'opened-ports', 'network-get', 'goal-state', 'resource-get'),
    *('state-get', 'state-set', 'state-delete', 'storage-list'),
    *('secret-add', 'secret-set', 'secret-get', 'secret-info-get', 'secret-ids'),
    *('secret-grant', 'secret-revoke', 'secret-remove'),
    *('storage-get', 'storage-add', 'credential-get', 'juju-reboot'),
}

SEEDS = (
    '"egress-subnets":"127.1.0.{0}/32","ingress-address":"127.1.0.{0}",'
    '"private-address":"127.1.0.{0}"'
)
NETWORK = (
    '{"bind-addresses":[{"mac-address":"","interface-name":"lo","addresses":'
    '[{"hostname":"","value":"127.1.0.2","cidr":"127.0.0.0/8"}]}],'
    '"egress-subnets":["127.1.0.2/32"],"ingress-addresses":["127.1.0.2"]}\n'
)
GOAL = '{"status":"unknown","since":"2026-01-01 00:00:00Z"}'
JOINED = '{"status":"joined","since":"2026-01-01 00:00:00Z"}'
INFO = f'{{"{ID}":{{"revision":1,"label":"ca","owner":"application","rotation":"never","access":'
GRANT = '{"target":"application-b","scope":"relation-1","role":"view"}'


class Accepted(NamedTuple):
    line: str
    out: str = ''
    where: str = 'leader'
    stdin: str = ''


class Refused(NamedTuple):
    line: str
    code: int
    text: str
    where: str = 'leader'


ACCEPTED = [
    Accepted('relation-ids certs --format=json', '["certs:1"]\n'),
    Accepted('relation-ids certs --format json', '["certs:1"]\n'),
    Accepted('relation-ids --format yaml certs', '- certs:1\n'),
    Accepted('relation-ids certs', 'certs:1\n'),
    Accepted('relation-ids nothing --format=json', '[]\n'),
    Accepted('relation-ids nothing', ''),
    Accepted('relation-ids', 'certs:1\n', 'joined'),
    Accepted('relation-list -r certs:1 --format=json', '["b/0","b/1"]\n'),
    Accepted('relation-list -r 1', 'b/0\nb/1\n'),
    Accepted('relation-list --relation=1', 'b/0\nb/1\n'),
    Accepted('relation-list --app -r certs:1 --format=json', '"b"\n'),
    Accepted('relation-list --app=true -r 1', 'b\n'),
    Accepted('relation-list', 'b/0\nb/1\n', 'joined'),
    Accepted('relation-get -r certs:1 --format=json - b/0', f'{{{SEEDS.format(4)}}}\n'),
    Accepted('relation-get - b/0 -r 1 --app=False --format=json', f'{{{SEEDS.format(4)}}}\n'),
    Accepted('relation-get -r 1 nothing b/0 --format=json', 'null\n'),
    Accepted('relation-get -r 1 nothing b/0', ''),
    Accepted('relation-get -r 1 private-address b/0 --format=json', '"127.1.0.4"\n'),
    Accepted('relation-get -r 1 private-address b/0', '127.1.0.4\n'),
    Accepted('relation-get -r 1 --app - b --format=json', '{}\n'),
    Accepted('relation-get -r 1 --app - b', '{}\n'),
    Accepted('relation-get -r 1 --app - b/0 --format=json', '{}\n'),
    Accepted('relation-get --format=json', f'{{{SEEDS.format(5)}}}\n', 'joined'),
    Accepted('relation-get --app --format=json', '{}\n', 'joined'),
    Accepted('relation-get --format=json', '{}\n', 'created'),
    Accepted('relation-set -r certs:1 --file -', stdin='{"key": "value"}'),
    Accepted('relation-set -r certs:1 --app --file -', stdin='key: value\n'),
    Accepted('relation-set -r 1 key=value=more other='),
    Accepted('relation-set key=value', where='joined'),
    Accepted('relation-set -r 1 "" " key = value "'),
    Accepted('relation-model-get --format=json -r certs:1', f'{{"uuid":"{MODEL_UUID}"}}\n'),
    Accepted('relation-model-get -r 1', f'uuid: {MODEL_UUID}\n'),
    Accepted('is-leader --format=json', 'true\n'),
    Accepted('is-leader --format=json', 'false\n', 'follower'),
    Accepted('is-leader', 'True\n'),
    Accepted('is-leader --format yaml', 'true\n'),
    Accepted('config-get --format=json', '{"size":"big"}\n'),
    Accepted('config-get', 'size: big\n'),
    Accepted('config-get size --format=json', '"big"\n'),
    Accepted('config-get size', 'big\n'),
    Accepted('config-get no --format=json', 'null\n'),
    Accepted('config-get unheard-of --format=json', 'null\n'),
    Accepted('config-get no', ''),
    Accepted('config-get --all --format=json', '{"size":"big","no":null}\n'),
    Accepted('status-set --application=False active'),
    Accepted('status-set --application=False blocked -- "--give me more"'),
    Accepted('status-set --application=True waiting "for the end"'),
    Accepted('status-set maintenance', where='follower'),
    Accepted(
        'status-get --include-data --format=json --application=false',
        '{"status":"unknown","message":"","status-data":{}}\n',
    ),
    Accepted('status-get --format=json', '{"status":"unknown"}\n'),
    Accepted('status-get', 'unknown\n'),
    Accepted('status-get --application', 'unknown\n'),
    Accepted(
        'status-get --application=true --format=json',
        '{"application-status":{"status":"unknown","units":'
        '{"a/0":{"status":"unknown"},"a/1":{"status":"unknown"}}}}\n',
    ),
    Accepted('juju-log --log-level ERROR -- "--a message"'),
    Accepted('juju-log -l WARNING two words'),
    Accepted('juju-log --debug x'),
    Accepted('juju-log --log-level loud x'),
    Accepted('application-version-set -- 1.2'),
    Accepted('action-get --format=json', '{"name":"x","deep":{"er":3}}\n', 'action'),
    Accepted('action-get deep.er --format=json', '3\n', 'action'),
    Accepted('action-get deep.er', '3\n', 'action'),
    Accepted('action-get name', 'x\n', 'action'),
    Accepted('action-get deep.none --format=json', 'null\n', 'action'),
    Accepted('action-set a=1=2 b.c-d= 9=x', where='action'),
    Accepted('action-set', where='action'),
    Accepted('action-log -- "--half way"', where='action'),
    Accepted('action-fail', where='action'),
    Accepted('action-fail -- "--why not"', where='action'),
    Accepted('open-port 443/tcp'),
    Accepted('open-port 443'),
    Accepted('open-port 8000-8010/UDP'),
    Accepted('open-port icmp'),
    Accepted('open-port 443/tcp --endpoints certs,peers'),
    Accepted('close-port 443/tcp'),
    Accepted('close-port --endpoints certs icmp'),
    Accepted('opened-ports --format=json', '[]\n'),
    Accepted('opened-ports', ''),
    Accepted('network-get certs --format=json', NETWORK),
    Accepted('network-get -r certs:1 certs --format=json', NETWORK),
    Accepted('network-get certs --bind-address', '127.1.0.2\n'),
    Accepted('network-get certs --ingress-address', '127.1.0.2\n'),
    Accepted('network-get certs --egress-subnets', '127.1.0.2/32\n'),
    Accepted('network-get certs --primary-address', '127.1.0.2\n'),
    Accepted(
        'network-get certs --bind-address --ingress-address --format=json',
        '{"bind-address":"127.1.0.2","ingress-address":"127.1.0.2"}\n',
    ),
    Accepted(
        'goal-state --format=json',
        f'{{"units":{{"a/0":{GOAL},"a/1":{GOAL}}},'
        f'"relations":{{"certs":{{"b":{JOINED},"b/0":{GOAL},"b/1":{GOAL}}}}}}}\n',
    ),
    Accepted('resource-get cert', '/files/cert.pem'),
    Accepted('state-get --format=json', '{"kept":"1"}\n'),
    Accepted('state-get -', "kept: '1'\n"),
    Accepted('state-get kept --format=json', '"1"\n'),
    Accepted('state-get kept --strict', '1\n'),
    Accepted('state-get gone --format=json', '""\n'),
    Accepted('state-get gone', ''),
    Accepted('state-set --file -', stdin='key: |\n  value\n'),
    Accepted('state-set key=value other='),
    Accepted('state-delete kept'),
    Accepted('state-delete gone'),
    Accepted('state-delete'),
    Accepted('storage-list --format=json', '[]\n'),
    Accepted('storage-list disks', ''),
    Accepted('secret-add key=value', 'secret:ID\n'),
    Accepted('secret-add --owner unit key=value', 'secret:ID\n', 'follower'),
    Accepted(
        'secret-add --label l --description "d e" --expire 2026-02-01T00:00:00Z --rotate daily '
        '--owner application key=value',
        'secret:ID\n',
    ),
    Accepted('secret-add --expire 1h30m key#base64=w6k=', 'secret:ID\n'),
    Accepted('secret-add key#file=content', 'secret:ID\n'),
    Accepted('secret-add --file yaml', 'secret:ID\n'),
    Accepted(f'secret-set secret:{ID} key=value'),
    Accepted(f'secret-set {ID} --label l --description d --rotate never --expire 1h'),
    Accepted(f'secret-set secret:{ID} --owner application key#file=content'),
    Accepted('secret-set secret:99999999999999999999 key=value'),
    Accepted(f'secret-get secret:{ID} --format=json', '{"key":"one"}\n'),
    Accepted(f'secret-get {ID}', 'key: one\n'),
    Accepted(f'secret-get {ID} key', 'one\n'),
    Accepted(f'secret-get {ID} key#base64', 'b25l\n'),
    Accepted('secret-get --label ca --format=json', '{"key":"one"}\n'),
    Accepted(f'secret-get {ID} --refresh --format=json', '{"key":"one"}\n'),
    Accepted(f'secret-get {ID} --peek --refresh=false --format=json', '{"key":"one"}\n'),
    Accepted(
        f'secret-get secret://{MODEL_UUID}/{ID} --format=json',
        '{"key":"one"}\n',
        'follower',
    ),
    Accepted(f'secret-info-get secret:{ID} --format=json', f'{INFO}[{GRANT}]}}}}\n'),
    Accepted('secret-info-get --label ca --format=json', f'{INFO}[{GRANT}]}}}}\n'),
    Accepted('secret-ids --format=json', f'["{ID}"]\n'),
    Accepted('secret-ids', f'{ID}\n'),
    Accepted('secret-ids --format=json', '[]\n', 'follower'),
    Accepted(f'secret-grant --relation certs:1 secret:{ID}'),
    Accepted(f'secret-grant secret:{ID} -r 1 --unit b/0'),
    Accepted(f'secret-grant secret:{ID}', where='joined'),
    Accepted(f'secret-revoke --relation 1 secret:{ID}'),
    Accepted(f'secret-revoke secret:{ID} --relation 1 --unit b/0'),
    Accepted(f'secret-revoke secret:{ID} --app b'),
    Accepted(f'secret-revoke secret:{ID} --unit b/0'),
    Accepted(f'secret-revoke secret:{ID}', where='joined'),
    Accepted(f'secret-remove secret:{ID}'),
    Accepted(f'secret-remove secret:{ID} --revision 1'),
]

UNKNOWN = 'option provided but not defined: --fast'
EXCESS = 'unrecognized args: ["more" "still"]'
GONE = 'invalid value "{0}" for option {1}: relation not found'
BAD_KEY = (
    'key "{}" must start and end with lowercase alphanumeric, and contain only lowercase '
    'alphanumeric, hyphens and periods'
)
LONG = '9' * 5000
SYNTAX = 'strconv.{}: parsing "x": invalid syntax'

REFUSED = [
    Refused('relation-ids', 2, 'no endpoint name specified'),
    Refused('relation-ids certs more still', 2, EXCESS),
    Refused('relation-ids certs --fast', 2, UNKNOWN),
    Refused(
        'relation-ids certs --format xml',
        2,
        'invalid value "xml" for option --format: unknown format "xml"',
    ),
    Refused('relation-list -r certs:99', 2, GONE.format('certs:99', '-r')),
    Refused('relation-list --relation 99', 2, GONE.format('99', '--relation')),
    Refused('relation-list -r x', 2, 'invalid value "x" for option -r: invalid relation id'),
    Refused(
        f'relation-list -r {LONG}', 2, f'invalid value "{LONG}" for option -r: invalid relation id'
    ),
    Refused('relation-list -r', 2, 'option needs an argument: -r'),
    Refused('relation-list', 2, 'no relation id specified'),
    Refused('relation-list -r 1 more still', 2, EXCESS),
    Refused('relation-get -r certs:99 - b/0', 2, GONE.format('certs:99', '-r')),
    Refused('relation-get - b/0', 2, 'no relation id specified'),
    Refused('relation-get -r 1 -', 2, 'no unit or application specified'),
    Refused('relation-get -r 1 --app', 2, 'no unit or application specified'),
    Refused('relation-get -r 1 - b', 2, 'expected unit name, got application name "b"'),
    Refused('relation-get -r 1 - B/0', 2, 'invalid unit name "B/0"'),
    Refused('relation-get -r 1 - b/0 more still', 2, EXCESS),
    Refused('relation-get -r 1 - a/1', 1, 'permission denied'),
    Refused('relation-get -r 1 - c/0', 1, 'permission denied'),
    Refused('relation-get -r 1 - c --app', 1, 'permission denied'),
    Refused('relation-get -r 1 - b/7', 1, 'permission denied'),
    Refused('relation-get -r 1 --app - a', 1, 'permission denied', 'follower'),
    Refused('relation-set key=value', 2, 'no relation id specified'),
    Refused('relation-set -r certs:99 key=value', 2, GONE.format('certs:99', '-r')),
    Refused('relation-set -r 1 value', 2, 'expected "key=value", got "value"'),
    Refused('relation-set -r 1 =value', 2, 'expected "key=value", got "=value"'),
    Refused('relation-set -r 1 k=1 "k =2"', 2, 'key "k" specified more than once'),
    Refused('relation-set -r 1 --file list', 1, 'cannot read --file list: it is not a mapping'),
    Refused('relation-set --app -r 1 k=v', 1, 'cannot write relation settings', 'follower'),
    Refused('relation-set --app -r 0 k=v', 1, 'cannot write relation settings', 'follower'),
    Refused('relation-model-get', 2, 'no relation id specified'),
    Refused('relation-model-get -r 99', 2, GONE.format('99', '-r')),
    Refused('is-leader --fast', 2, UNKNOWN),
    Refused('is-leader more still', 2, EXCESS),
    Refused('config-get size more still', 2, EXCESS),
    Refused('config-get --all size', 2, 'cannot use argument --all together with key "size"'),
    Refused('status-set', 2, 'invalid args, require <status> [message]'),
    Refused(
        'status-set unknown',
        2,
        'invalid status "unknown", expected one of [maintenance blocked waiting active]',
    ),
    Refused('status-set active x more still', 2, EXCESS),
    Refused('status-set --application=True active', 1, 'this unit is not the leader', 'follower'),
    Refused('status-get more still', 2, EXCESS),
    Refused(
        'status-get --application=true --format=json',
        1,
        'finding application status: this unit is not the leader',
        'follower',
    ),
    Refused('juju-log', 2, 'no message specified'),
    Refused('juju-log --fast x', 2, UNKNOWN),
    Refused('application-version-set', 2, 'no version specified'),
    Refused('application-version-set 1 more still', 2, EXCESS),
    Refused('action-get', 1, 'not running an action'),
    Refused('action-get name more still', 2, EXCESS, 'action'),
    Refused('action-set a=1', 1, 'not running an action'),
    Refused('action-set a=1', 1, 'not running an action', 'exec'),
    Refused('action-set a', 2, 'argument "a" must be of the form key...=value', 'action'),
    Refused('action-set Bad=1', 2, BAD_KEY.format('Bad'), 'action'),
    Refused('action-set a_b=1', 2, BAD_KEY.format('a_b'), 'action'),
    Refused('action-set -- -a=1', 2, BAD_KEY.format('-a'), 'action'),
    Refused('action-set a..b=1', 2, BAD_KEY.format(''), 'action'),
    Refused('action-set stdout=1', 2, 'cannot set reserved action key "stdout"', 'action'),
    Refused('action-set x.stderr=1', 2, 'cannot set reserved action key "stderr"', 'action'),
    Refused(
        'action-set stdout-encoding=1',
        2,
        'cannot set reserved action key "stdout-encoding"',
        'action',
    ),
    Refused('action-log', 2, 'no message specified', 'action'),
    Refused('action-log x', 1, 'not running an action'),
    Refused('action-fail x', 1, 'not running an action'),
    Refused('action-fail x more still', 2, EXCESS, 'action'),
    Refused('open-port', 2, 'no port or range specified'),
    Refused('open-port x/tcp', 2, f'invalid port "x": {SYNTAX.format("Atoi")}'),
    Refused(
        f'open-port {LONG}',
        2,
        f'invalid port "{LONG}": strconv.Atoi: parsing "{LONG}": invalid syntax',
    ),
    Refused('open-port 80/sctp', 2, 'invalid protocol "sctp", expected "tcp", "udp", or "icmp"'),
    Refused('open-port 90-80', 2, 'invalid port range 90-80/tcp'),
    Refused(
        'open-port 80-70000', 2, 'port range bounds must be between 0 and 65535, got 80-70000'
    ),
    Refused('open-port 80/icmp', 2, 'protocol "icmp" doesn\'t support any ports; got "80"'),
    Refused('open-port 80 more still', 2, EXCESS),
    Refused('close-port', 2, 'no port or range specified'),
    Refused('close-port x', 2, f'invalid port "x": {SYNTAX.format("Atoi")}'),
    Refused('opened-ports more still', 2, EXCESS),
    Refused(
        'opened-ports --endpoints', 1, 'opened-ports --endpoints is not supported by minijuju'
    ),
    Refused('network-get', 2, 'no arguments specified'),
    Refused('network-get ""', 2, 'no binding name specified'),
    Refused('network-get nowhere', 1, 'no network config found for binding "nowhere"'),
    Refused('network-get -r 99 certs', 2, GONE.format('99', '-r')),
    Refused(
        'network-get certs --primary-address --bind-address',
        1,
        '--primary-address must be the only flag specified',
    ),
    Refused('goal-state more still', 2, EXCESS),
    Refused(
        'goal-state --format smart',
        2,
        'invalid value "smart" for option --format: unknown format "smart"',
    ),
    Refused('resource-get', 2, 'missing required resource name'),
    Refused(
        'resource-get other',
        1,
        'could not download resource: resource "other" was not given to deploy',
    ),
    Refused('state-get gone --strict', 1, '"gone" not found'),
    Refused('state-get kept more still', 2, EXCESS),
    Refused('state-set value', 2, 'expected "key=value", got "value"'),
    Refused('state-set --file list', 1, 'cannot read --file list: it is not a mapping'),
    Refused(f'state-set {"k" * 257}=v', 1, 'max allowed key length (256) exceeded'),
    Refused(f'state-set k={"v" * 65537}', 1, 'max allowed value length (65536) exceeded'),
    Refused('state-delete kept more still', 2, EXCESS),
    Refused('storage-list disks more still', 2, EXCESS),
    Refused('secret-add', 2, 'missing secret value or filename'),
    Refused('secret-add value', 2, 'key value "value" not valid'),
    Refused('secret-add key=', 2, 'key value "key=" not valid'),
    Refused('secret-add --file empty', 1, 'empty secret value not valid'),
    Refused('secret-add --file list', 2, 'cannot read --file list: it is not a mapping'),
    Refused('secret-add ab=value', 2, 'key "ab" not valid'),
    Refused('secret-add --expire soon key=v', 2, 'expire time or duration "soon" not valid'),
    Refused(
        'secret-add --expire 99999999999h key=v',
        2,
        'expire time or duration "99999999999h" not valid',
    ),
    Refused('secret-add --expire 2d key=v', 2, 'expire time or duration "2d" not valid'),
    Refused('secret-add --expire 30 key=v', 2, 'expire time or duration "30" not valid'),
    Refused('secret-add --expire -1h key=v', 2, 'negative expire duration "-1h" not valid'),
    Refused('secret-add --expire 0s key=v', 2, 'negative expire duration "0s" not valid'),
    Refused('secret-add --rotate often key=v', 2, 'rotate policy "often" not valid'),
    Refused('secret-add --owner model key=v', 2, 'secret owner "model" not valid'),
    Refused('secret-add --label ca key=v', 1, 'secret with label "ca" already exists'),
    Refused('secret-add key=v', 1, 'this unit is not the leader', 'follower'),
    Refused(
        f'secret-add key={"v" * 8193}', 2, 'secret content for key "key" too large: 8193 bytes'
    ),
    Refused(
        'secret-add key#file=large', 2, 'secret content in file "large" too large: 8193 bytes'
    ),
    Refused('secret-add key#base64=x', 2, 'secret content for key "key" is not base64 of text'),
    Refused(
        'secret-add key#file=pipe',
        2,
        'reading content for secret key "key": pipe is not a file',
    ),
    Refused('secret-set', 2, 'missing secret URI'),
    Refused('secret-set secret:x key=v', 2, 'secret URI "secret:x" not valid'),
    Refused(f'secret-set {ID} ab=value', 2, 'key "ab" not valid'),
    Refused(f'secret-set {ID} key=v', 1, 'this unit is not the leader', 'follower'),
    Refused('secret-get', 2, 'require either a secret URI or label'),
    Refused(
        f'secret-get {OTHERS}',
        1,
        f'minijuju has no secrets across models: "{OTHERS}" is of another model',
    ),
    Refused('secret-get x', 2, 'secret URI "x" not valid'),
    Refused(f'secret-get https:{ID}', 2, f'secret URI "https:{ID}" not valid'),
    Refused(
        f'secret-get {ID} --peek --refresh',
        2,
        'specify one of --peek or --refresh but not both',
    ),
    Refused(f'secret-get {"9" * 20}', 1, f'secret "{"9" * 20}" not found'),
    Refused('secret-get --label x', 1, 'consumer label "x" not found'),
    Refused(f'secret-get {ID} other', 1, 'secret key value "other" not found'),
    Refused(f'secret-get {ID}', 1, 'permission denied', 'stranger'),
    Refused('secret-info-get', 2, 'require either a secret URI or label'),
    Refused(
        f'secret-info-get {ID} --label ca', 2, 'specify either a secret URI or label but not both'
    ),
    Refused('secret-info-get --label x', 1, 'secret "x" not found'),
    Refused(f'secret-info-get {ID}', 1, f'secret "{ID}" not found', 'follower'),
    Refused('secret-ids more still', 2, EXCESS),
    Refused('secret-grant', 2, 'missing secret URI'),
    Refused(f'secret-grant {ID}', 2, 'no relation id specified'),
    Refused(f'secret-grant {ID} --relation 9', 2, GONE.format('9', '--relation')),
    Refused(f'secret-grant {ID} -r 9', 2, GONE.format('9', '-r')),
    Refused(f'secret-grant {ID} -r 1 --unit B', 2, 'unit "B" not valid'),
    Refused(
        f'secret-grant {ID} -r 1 --unit c/0',
        2,
        'cannot specify unit "c/0" in relation to application "b"',
    ),
    Refused(f'secret-grant {"9" * 20} -r 1', 1, f'secret "{"9" * 20}" not found'),
    Refused(f'secret-grant {ID} -r 1', 1, 'this unit is not the leader', 'follower'),
    Refused('secret-revoke', 2, 'missing secret URI'),
    Refused(f'secret-revoke {ID}', 2, 'missing relation or application or unit'),
    Refused(
        f'secret-revoke {ID} --app b --unit b/0', 2, 'specify only one of application or unit'
    ),
    Refused(f'secret-revoke {ID} --app b -r 1', 2, 'do not specify both relation and app'),
    Refused(f'secret-revoke {ID} --app B', 2, 'application "B" not valid'),
    Refused(f'secret-revoke {ID} --app b', 1, 'this unit is not the leader', 'follower'),
    Refused('secret-remove', 2, 'missing secret URI'),
    Refused(
        f'secret-remove {ID} --revision x',
        2,
        f'invalid value "x" for option --revision: {SYNTAX.format("ParseInt")}',
    ),
    Refused(f'secret-remove {ID} --revision 2', 1, f'secret "{ID}" revision 2 not found'),
    Refused(f'secret-remove {ID}', 1, 'this unit is not the leader', 'follower'),
    *(
        Refused(f'{name} x', 1, f'{name} is not supported by minijuju')
        for name in names()
        if name not in TOOLS
    ),
]


@pytest.fixture
def contexts() -> dict[str, HookContext]:
    """Hooks of units of ``Simulation.related`` and of an application that is related to none."""
    sim = Simulation.related()
    sim.deploy('c')
    app = sim.model.apps['a']
    app.resources['cert'] = Path('/files/cert.pem')
    sim.unit('a/0').charm_state = {'kept': '1'}
    secret = sim.model.secrets[ID] = Secret(ID, Owner('application', 'a'), sim.now, sim.now, 'ca')
    secret.add_revision({'key': 'one'}, sim.now)
    params: dict[str, object] = {'name': 'x', 'deep': {'er': 3}}
    sim.model.tasks['1'] = Task('1', 'a/0', 'greet', '', sim.now, params=params)
    sim.model.tasks['2'] = Task('2', 'a/0', '', 'true', sim.now)
    return {
        'leader': sim.context('a/0'),
        'follower': sim.context('a/1'),
        'stranger': sim.context('c/0'),
        'joined': sim.relation_context('a/0', 'joined', 1, 'b/1'),
        'created': sim.relation_context('a/0', 'created', 1),
        'action': sim.context('a/0', RunTask('1')),
        'exec': sim.context('a/0', RunTask('2')),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the tools are called, with the files that the lines name."""
    contents = {
        'content': 'a line\n',
        'yaml': 'key: value\nother#base64: w6k=\n',
        'list': '- key\n',
        'empty': '',
        'large': 'x' * 8193,
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    os.mkfifo(tmp_path / 'pipe')
    return tmp_path


@pytest.mark.parametrize('form', ACCEPTED, ids=lambda form: f'{form.where}: {form.line[:60]}')
def test_an_accepted_form_prints(contexts: dict[str, HookContext], folder: Path, form: Accepted):
    if form.line.startswith('secret-info-get'):
        tool(contexts['leader'], f'secret-grant -r 1 {ID}')

    reply = tool(contexts[form.where], form.line, form.stdin, folder)

    assert (reply.code, reply.stderr) == (0, '')
    new = form.line.startswith('secret-add')
    assert (re.sub('[0-9a-v]{20}', 'ID', reply.stdout) if new else reply.stdout) == form.out


@pytest.mark.parametrize('form', REFUSED, ids=lambda form: f'{form.where}: {form.line[:60]}')
def test_a_refused_form_says_why(contexts: dict[str, HookContext], folder: Path, form: Refused):
    reply = tool(contexts[form.where], form.line, '', folder)

    assert (reply.code, reply.stdout, reply.stderr) == (form.code, '', f'ERROR {form.text}\n')


def test_every_tool_has_an_accepted_form():
    assert {form.line.split()[0] for form in ACCEPTED} == set(TOOLS)


def test_every_tool_has_a_refused_form():
    assert {form.line.split()[0] for form in REFUSED} == set(names())


def test_every_listed_tool_exists():
    assert set(names()) >= LISTED


def test_output_goes_to_a_file_when_one_is_named(contexts: dict[str, HookContext], tmp_path: Path):
    reply = tool(contexts['leader'], 'is-leader --format=json -o said', '', tmp_path)

    assert (reply.code, reply.stdout) == (0, '')
    assert (tmp_path / 'said').read_text() == 'true\n'


def test_output_to_a_folder_that_is_missing_fails(
    contexts: dict[str, HookContext], tmp_path: Path
):
    reply = tool(contexts['leader'], 'is-leader -o none/said', '', tmp_path)

    assert reply.code == 1
    assert reply.stderr.startswith('ERROR ')
