using VhostSwitch.Control.FileConfiguration;

namespace VhostSwitch.Control.Tests.FileConfiguration;

/// <summary>Commands, and the file that is left of one with a bridge br0 and the ports p0 and p1.</summary>
public class ConfigEditTests
{
    private const string Start = """{"bridges": [{"name": "br0", "ports": [{"name": "p0"}, {"name": "p1", "tag": 5, "trunks": [6, 7]}]}]}""";

    private const string P1 = """{"name": "p1", "tag": 5, "trunks": [6, 7]}""";

    [Theory]
    [InlineData("add-br br1 other_config:hwaddr=02:00:00:00:00:01", """{"name": "p0"}""", P1, """{"name": "br1", "other_config": {"hwaddr": "02:00:00:00:00:01"}}""")]
    [InlineData("add-br --may-exist br0", """{"name": "p0"}""", P1, null)]
    [InlineData("del-br --if-exists br1", """{"name": "p0"}""", P1, null)]
    [InlineData("add-port br0 p2 tag=1", """{"name": "p0"}""", P1 + """, {"name": "p2", "tag": 1}""", null)]
    [InlineData("add-port br0 p2 -- set Interface p2 type=tap -- set port p2 tag=3", """{"name": "p0"}""", P1 + """, {"name": "p2", "type": "tap", "tag": 3}""", null)]
    [InlineData("add-port br0 p2 -- --may-exist add-port br0 p0 -- --if-exists del-port p9", """{"name": "p0"}""", P1 + """, {"name": "p2"}""", null)]
    [InlineData("add-port --may-exist br0 p0 tag=1", """{"name": "p0", "tag": 1}""", P1, null)]
    [InlineData("del-port br0 p1", """{"name": "p0"}""", null, null)]
    [InlineData("del-port p1", """{"name": "p0"}""", null, null)]
    [InlineData("del-port --if-exists br7 p1", """{"name": "p0"}""", P1, null)]
    [InlineData("set port p0 tag=7 trunks=[1,2]", """{"name": "p0", "tag": 7, "trunks": [1, 2]}""", P1, null)]
    [InlineData("set INT p0 options:dpdk-devargs=net_pcap0,rx_pcap=a=b mac=\"02:00:00:00:00:01\"",
        """{"name": "p0", "options": {"dpdk-devargs": "net_pcap0,rx_pcap=a=b"}, "mac": "02:00:00:00:00:01"}""", P1, null)]
    [InlineData("set port p1 tag=[] trunks=8", """{"name": "p0"}""", """{"name": "p1", "trunks": [8]}""", null)]
    [InlineData("clear port p1 tag", """{"name": "p0"}""", """{"name": "p1", "trunks": [6, 7]}""", null)]
    [InlineData("remove port p1 trunks 7 9", """{"name": "p0"}""", """{"name": "p1", "tag": 5, "trunks": [6]}""", null)]
    [InlineData("set port p1 vlan-mode=trunk -- clear port p1 tag trunks vlan_mode", """{"name": "p0"}""", """{"name": "p1"}""", null)]
    public void Changes(string command, string p0, string? rest, string? otherBridge)
    {
        string ports = rest is null ? p0 : $"{p0}, {rest}";
        string bridges = $$"""{"name": "br0", "ports": [{{ports}}]}""" + (otherBridge is null ? "" : $", {otherBridge}");
        Assert.Equal(Files.Text(Files.Read($$"""{"bridges": [{{bridges}}]}""")), Files.Text(Files.Edit(Start, command)));
    }

    [Fact]
    public void KeysComeAndGo()
    {
        var root = Files.Edit("{}", "set Open_vSwitch . other_config:vhost-iommu-support=true -- set open . other_config:vhost-sock-dir=x");
        Assert.Equal(2, root.Columns["other_config"].Count);
        root = ConfigEdit.Parse("remove", ["open", ".", "other_config", "vhost-iommu-support"])(root);
        Assert.Equal(["vhost-sock-dir"], root.Columns["other_config"].Map.Keys);
        Assert.Empty(ConfigEdit.Parse("clear", ["open", ".", "other_config:vhost-sock-dir"])(root).Columns);
    }

    [Fact]
    public void ABridgeGoesWithItsPorts() => Assert.Empty(Files.Edit(Start, "del-br br0").Children);

    [Fact]
    public void MirrorsOfTwoBridgesMayHaveOneName()
    {
        var root = Files.Edit(Start, "add-br br1 -- add-mirror br0 m -- add-mirror br1 m -- del-mirror br1 m");
        Assert.Equal([1, 0], root.Of(ConfigTable.Bridge).Select(bridge => bridge.Of(ConfigTable.Mirror).Count()));
    }

    [Theory]
    [InlineData("add-br br0", "there is a bridge br0 already: --may-exist takes it as it is")]
    [InlineData("add-br -x", "bridge -x: '-x' was given, a name without blanks that does not begin with '-' is allowed")]
    [InlineData("add-br --if-exists br1", "--if-exists is no option of add-br, which has --may-exist: add-br [--may-exist] BRIDGE [COLUMN=VALUE...]")]
    [InlineData("add-br", "add-br is used so: add-br [--may-exist] BRIDGE [COLUMN=VALUE...]")]
    [InlineData("add-port br9 p2", "there is no bridge br9: there are br0")]
    [InlineData("add-port br0 p0", "there is a port p0 already, in bridge br0: --may-exist takes it as it is")]
    [InlineData("add-br br1 -- add-port --may-exist br1 p0", "the port p0 is there, but in bridge br0 and not in br1")]
    [InlineData("add-port br0 p2 tag", "'tag' was given, column=value is allowed, or column:key=value")]
    [InlineData("add-port br0 p2 tag=x", "tag=x: x was given, a whole number from 0 to 4095 is allowed")]
    [InlineData("add-port br0 p2 trunk=1", "trunk=1: trunk is not known here; the nearest is trunks, and there are type, ")]
    [InlineData("add-port br0 p2 options=x", "options=x: options has keys: options:KEY=VALUE is allowed, with ")]
    [InlineData("add-port br0 p2 tag:x=1", "tag:x=1: tag has no keys: tag=VALUE is allowed")]
    [InlineData("add-port br0 p2 options:dpdk-devarg=1", "options:dpdk-devarg=1: dpdk-devarg is not known here; the nearest is dpdk-devargs, ")]
    [InlineData("add-port br0 p2 -- st port p2 tag=1", "st is not known here; the nearest is set, and there are add-br, ")]
    [InlineData("add-port br0 p2 -- --", "a command is missing beside '--'")]
    [InlineData("del-port p2", "there is no port p2: there are p0, p1; the nearest is p0")]
    [InlineData("del-port br9 p1", "there is no bridge br9: there are br0")]
    [InlineData("add-br br1 -- del-port br1 p0", "the port p0 is in bridge br0 and not in br1")]
    [InlineData("set flow p0 tag=1", "table flow: Open_vSwitch, Bridge, Port, Interface, Mirror are allowed")]
    [InlineData("set open x other_config:vhost-sock-dir=1", "record x: '.' is the only one of the switch")]
    [InlineData("remove port p1 trunks x", "trunks:x: x was given, a whole number from 0 to 4095 is allowed")]
    public void Refuses(string command, string error) =>
        Assert.StartsWith(error, Assert.Throws<ConfigException>(() => Files.Edit(Start, command)).Message);
}
