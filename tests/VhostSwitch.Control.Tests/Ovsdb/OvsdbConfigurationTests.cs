using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.Ovsdb;
using VhostSwitch.Packets;
using VhostSwitch.Switching;

namespace VhostSwitch.Control.Tests.Ovsdb;

public class OvsdbConfigurationTests
{
    [Fact]
    public void AnEmptyDatabaseWantsNothing() => Assert.Empty(OvsdbConfiguration.Of(new OvsdbReplica()).Bridges);

    [Fact]
    public void ReadsABridgeWithItsPort()
    {
        var bridge = OvsdbConfiguration.Of(Tables.With()).Bridges.Single();
        Assert.Equal(("br0", "netdev", "", false), (bridge.Name, bridge.DatapathType, bridge.FailMode, bridge.HasController));
        var port = bridge.Ports.Single();
        Assert.Equal("p0", port.Name);
        Assert.Equal((null, null, false), (port.Tag, port.VlanMode, port.HasQos));
        var own = port.Interfaces.Single();
        Assert.Equal(("p0", "dpdkvhostuser", null, null), (own.Name, own.Type, own.OfPortRequest, own.OfPortBefore));
    }

    [Fact]
    public void ReadsWhatAPortSaysOfVlans()
    {
        var port = OnlyPort(Tables.With(port: """, "tag": 5, "trunks": ["set", [30, 9]], "vlan_mode": "native-untagged", "cvlans": 4, "protected": true"""));
        Assert.Equal((5, VlanMode.NativeUntagged, true), (port.Tag, port.VlanMode, port.IsProtected));
        Assert.Equal([9, 30], port.Trunks);
        Assert.Equal([4], port.CustomerVlans);
    }

    [Theory]
    [InlineData("", PriorityTags.Never, false)]
    [InlineData(""", "other_config": ["map", [["priority-tags", "true"], ["qinq-ethtype", "802.1q"]]]""", PriorityTags.IfNonzero, true)]
    [InlineData(""", "other_config": ["map", [["priority-tags", "always"], ["qinq-ethtype", "802.1ad"]]]""", PriorityTags.Always, false)]
    public void ReadsWhatTagsAPortGives(string columns, PriorityTags tags, bool plain)
    {
        var port = OnlyPort(Tables.With(port: columns));
        Assert.Equal((tags, plain), (port.PriorityTags, port.TunnelsPlainTags));
    }

    [Theory]
    [InlineData("", 300, 8192, false)]
    [InlineData(""", "other_config": ["map", [["mac-aging-time", "60"], ["mac-table-size", "100"], ["forward-bpdu", "true"]]]""", 60, 100, true)]
    [InlineData(""", "other_config": ["map", [["mac-aging-time", "1"], ["mac-table-size", "1"]]]""", 15, 10, false)]
    [InlineData(""", "other_config": ["map", [["mac-aging-time", "9999"], ["mac-table-size", "9999999"]]]""", 3600, 1_000_000, false)]
    [InlineData(""", "other_config": ["map", [["mac-aging-time", "0"], ["mac-table-size", "x"]]]""", 300, 8192, false)]
    public void ReadsWhatABridgeKeeps(string columns, int age, int most, bool forwards)
    {
        var bridge = OvsdbConfiguration.Of(Tables.With(bridge: columns)).Bridges.Single();
        Assert.Equal((age, most, forwards), (bridge.AddressAgeSeconds, bridge.MostAddresses, bridge.ForwardsReserved));
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData(""", "other_config": ["map", [["vlan-limit", "0"]]]""", 2)]
    [InlineData(""", "other_config": ["map", [["vlan-limit", "1"]]]""", 1)]
    [InlineData(""", "other_config": ["map", [["vlan-limit", "5"]]]""", 2)]
    public void ReadsHowManyTagsCount(string columns, int tags) => Assert.Equal(tags, OvsdbConfiguration.Of(Tables.With(root: columns)).TagsRead);

    [Fact]
    public void ReadsWhatAnInterfaceAsksFor()
    {
        var own = OnlyPort(Tables.With(@interface: """
            , "type": "", "options": ["map", [["a", "b"]]], "ofport_request": 9, "ofport": 3, "mtu_request": 9000, "mac": "02:00:00:00:00:01", "ingress_policing_rate": 10,
            "ingress_policing_burst": 20
            """)).Interfaces.Single();
        Assert.Equal(("system", 9, 3, 9000, 10, 20), (own.Type, own.OfPortRequest, own.OfPortBefore, own.Mtu, own.IngressKbps, own.IngressBurstKbit));
        Assert.Equal(MacAddress.Parse("02:00:00:00:00:01"), own.Address);
        Assert.Equal("b", own.Options["a"]);
    }

    [Fact]
    public void ThePortNumberOfAFailureIsNoNumber() => Assert.Null(OnlyPort(Tables.With(@interface: ", \"ofport\": -1")).Interfaces.Single().OfPortBefore);

    [Fact]
    public void ReadsTheSettings()
    {
        var settings = OvsdbConfiguration.Of(Tables.With(root: """
            , "other_config": ["map", [["vhost-sock-dir", "sub"], ["vhost-iommu-support", "true"], ["userspace-tso-enable", "true"], ["vhost-postcopy-support", "1"]]]
            """)).Settings;
        Assert.Equal(new SwitchSettings { VhostSocketFolder = "sub", VhostIommu = true, Segmentation = true }, settings);
    }

    [Fact]
    public void ReadsAMirrorByTheNamesOfItsPorts()
    {
        var replica = Tables.With(bridge: $$""", "mirrors": ["uuid", "{{Tables.Mirror}}"]""");
        replica.Apply(Tables.Json($$"""
            { "Mirror": { "{{Tables.Mirror}}": { "new": {
              "name": "m0", "select_all": false, "select_src_port": ["uuid", "{{Tables.Port}}"], "select_dst_port": ["set", []], "select_vlan": ["set", [2, 1]],
              "output_port": ["uuid", "{{Tables.Port}}"], "output_vlan": ["set", []], "snaplen": 100 } } } }
            """));
        var mirror = OvsdbConfiguration.Of(replica).Bridges.Single().Mirrors.Single();
        Assert.Equal(("m0", false, "p0", null, 100), (mirror.Name, mirror.SelectsAll, mirror.OutputPort, mirror.OutputVlan, mirror.SnapLength));
        Assert.Equal(["p0"], mirror.SourcePorts);
        Assert.Empty(mirror.DestinationPorts);
        Assert.Equal([1, 2], mirror.Vlans);
    }

    private static WantedPort OnlyPort(OvsdbReplica replica) => OvsdbConfiguration.Of(replica).Bridges.Single().Ports.Single();
}
