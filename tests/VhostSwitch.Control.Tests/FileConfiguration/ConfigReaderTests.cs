using System.Text;
using VhostSwitch.Control.FileConfiguration;

namespace VhostSwitch.Control.Tests.FileConfiguration;

public class ConfigReaderTests
{
    [Fact]
    public void TakesWhatPeopleWrite()
    {
        var root = Files.Read(
            """
            // The house.
            {
              "other_config": { "vhost-iommu-support": true, "userspace-tso-enable": "true" },
              "bridges": [
                { "name": "br0", /* the only one */
                  "ports": [ { "tag": 10, "trunks": [2, 1, 2], "name": "vm\u0030" }, ], },
              ],
            }
            """);
        var bridge = Assert.Single(root.Of(ConfigTable.Bridge));
        var port = Assert.Single(bridge.Of(ConfigTable.Port));
        Assert.Equal(("br0", "vm0", 10), (bridge.Name, port.Name, port.Columns["tag"].Number));
        Assert.Equal([1, 2], port.Columns["trunks"].Numbers);
        Assert.Equal(["true", "true"], root.Columns["other_config"].Map.Values);
    }

    [Fact]
    public void ABomIsNoFault() => Assert.Empty(ConfigReader.Read([.. Encoding.UTF8.Preamble, .. "{}"u8], "f").Children);

    [Theory]
    [InlineData("", "1: this is no JSON: The input does not contain any JSON tokens")]
    [InlineData("[]", "1: a list was given, an object { } with other_config, bridges is allowed")]
    [InlineData("{} {}", "1: this is no JSON: '{' is invalid after a single JSON value. Expected end of data.")]
    [InlineData("{\n\"bridges\": [}", "2: this is no JSON: '}' is an invalid start of a value.")]
    [InlineData("{\"bridge\": []}", "1: bridge: bridge is not known here; the nearest is bridges, and there are other_config, bridges")]
    [InlineData("{\"bridges\": {}}", "1: bridges: an object was given, a list [ ] of bridges is allowed")]
    [InlineData("{\"bridges\": [\n{}]}", "2: bridges[0]: this bridge has no name: \"name\": \"NAME\" is missing")]
    [InlineData("{\"bridges\": [7]}",
        "1: bridges[0]: 7 was given, an object { } with name, other_config, flood_vlans, ports, mirrors is allowed")]
    [InlineData("{\"bridges\": [{\"name\": 7}]}", "1: bridges[0].name: 7 was given, a text is allowed")]
    [InlineData("{\"bridges\": [{\"name\": \"a b\"}]}", "1: bridges[0].name: 'a b' was given, a name without blanks that does not begin with '-' is allowed")]
    [InlineData("{\"bridges\": [{\"name\": \"\\ud800\"}]}", "1: bridges[0].name: this is no text in UTF-8")]
    [InlineData("{\"bridges\": [{\"name\": \"a\"},\n{\"name\": \"a\"}]}", "2: bridges[1]: there is another bridge a")]
    [InlineData("{\"bridges\": [{\"name\": \"a\", \"name\": \"b\"}]}", "1: bridges[0].name: this is there twice")]
    [InlineData("{\"other_config\": {\"vhost-sock-dir\": \"x\", \"vhost-sock-dir\": \"x\"}}", "1: other_config.vhost-sock-dir: this is there twice")]
    [InlineData("{\"other_config\": {\"vhost-iommu-support\": 1}}", "1: other_config.vhost-iommu-support: 1 was given, true or false is allowed")]
    [InlineData("{\"other_config\": {\"vhost-iommu-support\": \"yes\"}}", "1: other_config.vhost-iommu-support: yes was given, true or false is allowed")]
    [InlineData("{\"other_config\": {\"vhost-sock-dri\": \"x\"}}", "1: other_config.vhost-sock-dri: vhost-sock-dri is not known here; the nearest is vhost-sock-dir, ")]
    public void RefusesWithThePlace(string text, string error) => AssertRefused(text, error);

    [Theory]
    [InlineData("\"tga\": 5", "tga: tga is not known here; the nearest is tag, and there are name, type, ")]
    [InlineData("\"tag\": 4096", "tag: 4096 was given, a whole number from 0 to 4095 is allowed")]
    [InlineData("\"tag\": \"10\"", "tag: the text \"10\" was given, a whole number from 0 to 4095 is allowed")]
    [InlineData("\"tag\": 1e1", "tag: 1e1 was given, a whole number from 0 to 4095 is allowed")]
    [InlineData("\"tag\": -1", "tag: -1 was given, a whole number from 0 to 4095 is allowed")]
    [InlineData("\"tag\": null", "tag: null was given, a whole number from 0 to 4095 is allowed")]
    [InlineData("\"trunks\": 5", "trunks: 5 was given, a list [ ], each of it a whole number from 0 to 4095, is allowed")]
    [InlineData("\"trunks\": [1, 4096]", "trunks[1]: 4096 was given, a whole number from 0 to 4095 is allowed")]
    [InlineData("\"vlan_mode\": \"acces\"", "vlan_mode: acces was given, access, trunk, native-tagged, native-untagged or dot1q-tunnel is allowed; the nearest is access")]
    [InlineData("\"type\": \"dpdkvhost\"", "type: dpdkvhost was given, ")]
    [InlineData("\"protected\": \"true\"", "protected: the text \"true\" was given, true or false is allowed")]
    [InlineData("\"mac\": \"01:00:00:00:00:01\"", "mac: 01:00:00:00:00:01 was given, an address of one interface such as 52:54:00:00:00:01 is allowed")]
    [InlineData("\"mtu_request\": 67", "mtu_request: 67 was given, a whole number from 68 to 65535 is allowed")]
    [InlineData("\"ofport_request\": 65280", "ofport_request: 65280 was given, a whole number from 1 to 65279 is allowed")]
    [InlineData("\"ingress_policing_rate\": 4294967296", "ingress_policing_rate: 4294967296 was given, a whole number from 0 to 4294967295 is allowed")]
    [InlineData("\"options\": []", "options: a list was given, an object { } with ")]
    [InlineData("\"options\": {\"vhost-server-path\": \"\"}", "options.vhost-server-path: nothing was given, a text is allowed")]
    public void RefusesWhatIsWrongAboutAPort(string member, string error) =>
        AssertRefused($"{{\"bridges\": [{{\"name\": \"br0\", \"ports\": [{{\"name\": \"p0\"}},\n{{\"name\": \"p1\", {member}}}]}}]}}", $"2: bridges[0].ports[1].{error}");

    [Theory]
    [InlineData("\"ports\": [{\"name\": \"p\"}, {\"name\": \"p\"}]", "bridges[0].ports[1]: there is another port p, in bridge br0")]
    [InlineData("\"ports\": [{\"name\": \"br1\"}]", "bridges[0].ports[0]: br1 is the name of a bridge, and its own interface's")]
    [InlineData("\"mirrors\": [{\"name\": \"m\", \"output_port\": \"p\"}]", "bridges[0].mirrors[0]: output_port names p, and bridge br0 has no port of that name")]
    [InlineData("\"mirrors\": [{\"name\": \"m\"}, {\"name\": \"m\"}]", "bridges[0].mirrors[1]: there is another mirror m")]
    public void RefusesNamesThatAreNotAlone(string members, string error) =>
        AssertRefused($"{{\"bridges\": [{{\"name\": \"br0\", {members}}}, {{\"name\": \"br1\"}}]}}", $"1: {error}");

    [Fact]
    public void RefusesBytesThatAreNoText() =>
        Assert.Equal("f: this is no text in UTF-8", Assert.Throws<ConfigException>(() => ConfigReader.Read([(byte)'{', 0xff, (byte)'}'], "f")).Message);

    private static void AssertRefused(string text, string error) =>
        Assert.StartsWith($"f.json:{error}", Assert.Throws<ConfigException>(() => Files.Read(text)).Message);
}
