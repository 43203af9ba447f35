using VhostSwitch.Control.Configuration;
using VhostSwitch.Packets;
using VhostSwitch.Switching;

namespace VhostSwitch.Control.Tests.Configuration;

public class SwitchPlanTests
{
    [Fact]
    public void AServerPortIsASocketInTheRunDirectory()
    {
        using var run = new TempFolder();
        var device = Plan(run, new WantedInterface("p0", "dpdkvhostuser")).Device!;
        Assert.Equal(("p0", "net_vhost", run.File("p0")), (device.PortName, device.Driver.Name, device.Text("iface")));
    }

    [Fact]
    public void TheSocketsHaveAFolderBelowTheRunDirectory()
    {
        using var run = new TempFolder();
        Directory.CreateDirectory(run.File("sub"));
        var settings = new SwitchSettings { VhostSocketFolder = "sub" };
        Assert.Equal(run.File("sub/p0"), Plan(run, new WantedInterface("p0", "dpdkvhostuser"), settings: settings).Device!.Text("iface"));
        Assert.Contains("there is no folder", Plan(run, new WantedInterface("p0", "dpdkvhostuser"), settings: settings with { VhostSocketFolder = "none" }).Refusal);
        Assert.Contains("without '..'", Plan(run, new WantedInterface("p0", "dpdkvhostuser"), settings: settings with { VhostSocketFolder = "../x" }).Refusal);
    }

    [Theory]
    [InlineData("a/b", "dpdkvhostuser", "", "neither '/' nor '\\'")]
    [InlineData("a\\b", "dpdkvhostuser", "", "neither '/' nor '\\'")]
    [InlineData("p0", "dpdk", "", "dpdk-devargs is missing")]
    [InlineData("p0", "dpdk", "dpdk-devargs=net_tap0,no=1", "'no' is no argument of net_tap")]
    [InlineData("p0", "dpdk", "dpdk-devargs=net_tap", "a device of it has a number behind the name")]
    [InlineData("p0", "patch", "", "options:peer is missing")]
    [InlineData("p0", "patch", "peer=p0", "options:peer is the interface itself")]
    [InlineData("p0", "vxlan", "", "type vxlan is not built; there are dpdk, ")]
    public void WhatCannotBeMadeIsRefusedWithASentence(string name, string type, string option, string sentence)
    {
        using var run = new TempFolder();
        var planned = Plan(run, new WantedInterface(name, type) { Options = Options(option) });
        Assert.Null(planned.Device);
        Assert.Contains(sentence, planned.Refusal);
    }

    [Theory]
    [InlineData("system", "", "net_af_packet", "p0")]
    [InlineData("tap", "", "net_tap", "p0")]
    [InlineData("internal", "", "net_tap", "p0")]
    [InlineData("dpdk", "dpdk-devargs=eth1,queue_count=2", "net_af_xdp", "eth1")]
    [InlineData("dpdk", "dpdk-devargs=net_af_packet7,iface=eth1", "net_af_packet", "eth1")]
    public void OtherTypesAreOtherDevices(string type, string option, string driver, string @interface)
    {
        using var run = new TempFolder();
        var device = Plan(run, new WantedInterface("p0", type) { Options = Options(option) }).Device!;
        Assert.Equal(("p0", driver, @interface), (device.PortName, device.Driver.Name, device.Text("iface")));
    }

    [Fact]
    public void AClientPortWaitsForItsPath()
    {
        using var run = new TempFolder();
        var planned = Plan(run, new WantedInterface("p0", "dpdkvhostuserclient"));
        Assert.Equal((null, null), (planned.Device, planned.Refusal));
        Assert.Contains("options:vhost-server-path", planned.Waiting);
    }

    [Fact]
    public void AClientPortAloneHasWhatConcernsItsTypeOnly()
    {
        using var run = new TempFolder();
        var settings = new SwitchSettings { VhostIommu = true, VhostPostcopy = true };
        var client = Plan(run, new WantedInterface("c/0", "dpdkvhostuserclient") { Options = Options("vhost-server-path=/tmp/c0") }, settings: settings).Device!;
        Assert.Equal(("/tmp/c0", "1", "1", "1"), (client.Text("iface"), client.Text("client"), client.Text("iommu-support"), client.Text("postcopy-support")));
        var server = Plan(run, new WantedInterface("p0", "dpdkvhostuser"), settings: settings).Device!;
        Assert.Equal((null, null, null), (server.Text("client"), server.Text("iommu-support"), server.Text("postcopy-support")));
    }

    [Fact]
    public void TheLocalInterfaceHasTheAddressOfTheBridge()
    {
        using var run = new TempFolder();
        var planned = Plan(run, new WantedInterface("br0", "internal"), bridge => bridge with { Address = MacAddress.Parse("02:00:00:00:00:09") });
        Assert.True(planned.IsLocal);
        Assert.Equal(("br0", "02:00:00:00:00:09"), (planned.Device!.Text("iface"), planned.Device.Text("mac")));
    }

    [Fact]
    public void WhatHasNoEffectIsSaid()
    {
        using var run = new TempFolder();
        var planned = Plan(run, new WantedInterface("p0", "dpdkvhostuser") { Options = Options("n_rxq=2") });
        Assert.NotNull(planned.Device);
        Assert.Equal("no effect, not built: options:n_rxq", planned.Notice);
    }

    [Theory]
    [InlineData("", "", "datapath_type is not set")]
    [InlineData("system", "", "datapath_type is system")]
    [InlineData("netdev", "secure", "fail_mode is secure")]
    public void ABridgeThatIsNotForThisSwitchIsRefusedWithItsPorts(string type, string failMode, string sentence)
    {
        using var run = new TempFolder();
        var wanted = Wanted(new WantedBridge("br0", [Port("p0")]) { DatapathType = type, FailMode = failMode });
        var plan = SwitchPlan.Of(wanted, wanted.Settings, run.File(""));
        Assert.Contains(sentence, plan.Bridges["br0"].Status[PlannedBridge.Error]);
        Assert.Contains(sentence, plan.Interfaces.Single().Refusal);
    }

    [Fact]
    public void ThereMayBeSeveralBridges()
    {
        using var run = new TempFolder();
        var wanted = Wanted(Bridge("br0", Port("p0")), Bridge("br1", Port("p1")));
        var plan = SwitchPlan.Of(wanted, wanted.Settings, run.File(""));
        Assert.Equal(["br0", "br1"], plan.Interfaces.Where(planned => planned.Device is not null).Select(planned => planned.Bridge));
        Assert.DoesNotContain(plan.Bridges.Values, bridge => bridge.IsRefused);
    }

    [Fact]
    public void AControllerIsSaidToHaveNoEffect()
    {
        using var run = new TempFolder();
        var wanted = Wanted(Bridge("br0", Port("p0")) with { HasController = true });
        var plan = SwitchPlan.Of(wanted, wanted.Settings, run.File(""));
        Assert.Contains("OpenFlow is not built", plan.Bridges["br0"].Status["controller"]);
        Assert.NotNull(plan.Interfaces.Single().Device);
    }

    [Fact]
    public void APortHasTheVlansOfItsColumns()
    {
        using var run = new TempFolder();
        Assert.Equal(VlanMode.Trunk, Bridging(Port("p0")).Mode);
        // As with Open vSwitch: a tag makes an access port, whatever trunks say.
        var access = Bridging(Port("p0") with { Tag = 5, Trunks = [1] });
        Assert.Equal((VlanMode.Access, 5), (access.Mode, access.Tag));
        var native = Bridging(Port("p0") with { Tag = 5, Trunks = [1], VlanMode = VlanMode.NativeTagged, PriorityTags = PriorityTags.Always });
        Assert.Equal((VlanMode.NativeTagged, 5, PriorityTags.Always), (native.Mode, native.Tag, native.PriorityTags));
        Assert.Equal([1], native.Trunks);
        var tunnel = Bridging(Port("p0") with { Tag = 5, CustomerVlans = [7], VlanMode = VlanMode.Dot1qTunnel, TunnelsPlainTags = true, IsProtected = true });
        Assert.Equal((VlanMode.Dot1qTunnel, 0x8100, true), (tunnel.Mode, tunnel.TunnelType, tunnel.IsProtected));
        Assert.Equal([7], tunnel.CustomerVlans);

        BridgePortOptions Bridging(WantedPort port)
        {
            var wanted = Wanted(Bridge("br0", port));
            return SwitchPlan.Of(wanted, wanted.Settings, run.File("")).Interfaces.Single().Bridging;
        }
    }

    [Fact]
    public void AMirrorIsOfInterfaces()
    {
        using var run = new TempFolder();
        var port = new WantedPort("port", [new WantedInterface("p0", "tap")]);
        var mirror = new WantedMirror("m") { SourcePorts = ["port", "none"], OutputPort = "p1", SnapLength = 1, Vlans = [5] };
        var wanted = Wanted(Bridge("br0", port, Port("p1")) with { Mirrors = [mirror, new WantedMirror("all") { SelectsAll = true, OutputVlan = 9 }] });
        var plan = SwitchPlan.Of(wanted, wanted.Settings, run.File("")).Bridges["br0"];
        Assert.Empty(plan.Status);
        var (toPort, toVlan) = (plan.Mirrors.Single(made => made.OutputPort is not null), plan.Mirrors.Single(made => made.OutputPort is null));
        Assert.Equal(["p0"], toPort.SourcePorts);
        Assert.Empty(toPort.DestinationPorts!);
        Assert.Equal(("p1", 14), (toPort.OutputPort, (int)toPort.SnapLength));
        Assert.Null(toVlan.SourcePorts);
        Assert.Null(toVlan.DestinationPorts);
        Assert.Equal(9, toVlan.OutputVlan);
    }

    [Fact]
    public void AMirrorThatLeadsNowhereSaysSo()
    {
        using var run = new TempFolder();
        var wanted = Wanted(Bridge("br0", Port("p0")) with
        {
            Mirrors = [new WantedMirror("a"), new WantedMirror("b") { OutputPort = "p9" }, new WantedMirror("c") { OutputPort = "p0", OutputVlan = 5 }],
        });
        var bridge = SwitchPlan.Of(wanted, wanted.Settings, run.File("")).Bridges["br0"];
        Assert.Single(bridge.Mirrors);
        Assert.Equal("a has no effect: it has neither output_port nor output_vlan; b has no effect: p9 is no port of this bridge; c sends to its output_port, not to its output_vlan",
            bridge.Status["mirrors"]);
    }

    [Fact]
    public void TwoPortsCannotHaveOneDevice()
    {
        using var run = new TempFolder();
        WantedInterface Null(string name) => new(name, "dpdk") { Options = Options("dpdk-devargs=net_null0") };
        var wanted = Wanted(Bridge("br0", new("p0", [Null("p0")]), new("p1", [Null("p1")])));
        var plan = SwitchPlan.Of(wanted, wanted.Settings, run.File(""));
        Assert.Equal(("p0", "the device net_null0 is that of p0: give it another number"), (plan.Interfaces[0].Device!.PortName, plan.Interfaces[1].Refusal));
    }

    private static PlannedInterface Plan(TempFolder run, WantedInterface wanted, Func<WantedBridge, WantedBridge>? bridge = null, SwitchSettings? settings = null)
    {
        var all = Wanted((bridge ?? (b => b))(Bridge("br0", new WantedPort(wanted.Name, [wanted]))));
        return SwitchPlan.Of(all, settings ?? all.Settings, run.File("")).Interfaces.Single();
    }

    private static WantedSwitch Wanted(params WantedBridge[] bridges) => new(bridges, new SwitchSettings());

    private static WantedBridge Bridge(string name, params WantedPort[] ports) => new(name, ports) { DatapathType = "netdev" };

    private static WantedPort Port(string name) => new(name, [new WantedInterface(name, "dpdkvhostuser")]);

    private static Dictionary<string, string> Options(string option) => option.Split('=', 2) is [var key, var value] ? new() { [key] = value } : [];
}
