using VhostSwitch.Control.Configuration;
using VhostSwitch.Packets;

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
    [InlineData("p0", "patch", "", "patch ports are not built yet")]
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
        var planned = Plan(run, new WantedInterface("p0", "dpdkvhostuser") { IngressKbps = 1, Mtu = 9000, Options = Options("n_rxq=2") });
        Assert.NotNull(planned.Device);
        Assert.Equal("no effect, not built: ingress_policing_rate, mtu_request, options:n_rxq", planned.Notice);
    }

    [Theory]
    [InlineData("", "", "datapath_type is not set")]
    [InlineData("system", "", "datapath_type is system")]
    [InlineData("netdev", "secure", "fail_mode is secure")]
    public void ABridgeThatIsNotForThisSwitchIsRefusedWithItsPorts(string type, string failMode, string sentence)
    {
        using var run = new TempFolder();
        var wanted = Wanted(new WantedBridge("br0", [Port("p0")]) { DatapathType = type, FailMode = failMode });
        var plan = SwitchPlan.Of(wanted, wanted.Settings, run.File(""), null);
        Assert.Contains(sentence, plan.Bridges["br0"][SwitchPlan.Error]);
        Assert.Contains(sentence, plan.Interfaces.Single().Refusal);
    }

    [Theory]
    [InlineData(null, "br0")]
    [InlineData("br1", "br1")]
    [InlineData("br9", "br0")]
    public void TheBridgeThatIsThereStaysTheOnlyOne(string? current, string only)
    {
        using var run = new TempFolder();
        var wanted = Wanted(Bridge("br0", Port("p0")), Bridge("br1", Port("p1")));
        var plan = SwitchPlan.Of(wanted, wanted.Settings, run.File(""), current);
        Assert.Equal(only, plan.Interfaces.Single(planned => planned.Device is not null).Bridge);
        Assert.Contains($"several bridges are not built yet, and {only} is one", plan.Bridges[only == "br0" ? "br1" : "br0"][SwitchPlan.Error]);
        Assert.Empty(plan.Bridges[only]);
    }

    [Fact]
    public void AControllerAndMirrorsAreSaidToHaveNoEffect()
    {
        using var run = new TempFolder();
        var wanted = Wanted(Bridge("br0", Port("p0")) with { HasController = true, Mirrors = [new WantedMirror("m")] });
        var plan = SwitchPlan.Of(wanted, wanted.Settings, run.File(""), null);
        Assert.Equal(["controller", "mirrors"], plan.Bridges["br0"].Keys.Order());
        Assert.NotNull(plan.Interfaces.Single().Device);
    }

    [Fact]
    public void APortOfOneVlanIsRefusedAndNotSwitchedWithAllOthers()
    {
        using var run = new TempFolder();
        foreach (var port in (WantedPort[])[Port("p0") with { Tag = 1 }, Port("p0") with { Trunks = [1] }, Port("p0") with { VlanMode = VlanMode.Trunk }])
        {
            var wanted = Wanted(Bridge("br0", port));
            Assert.Contains("not built yet", SwitchPlan.Of(wanted, wanted.Settings, run.File(""), null).Interfaces.Single().Refusal);
        }
    }

    [Fact]
    public void TwoPortsCannotHaveOneDevice()
    {
        using var run = new TempFolder();
        WantedInterface Null(string name) => new(name, "dpdk") { Options = Options("dpdk-devargs=net_null0") };
        var wanted = Wanted(Bridge("br0", new("p0", [Null("p0")]), new("p1", [Null("p1")])));
        var plan = SwitchPlan.Of(wanted, wanted.Settings, run.File(""), null);
        Assert.Equal(("p0", "the device net_null0 is that of p0: give it another number"), (plan.Interfaces[0].Device!.PortName, plan.Interfaces[1].Refusal));
    }

    private static PlannedInterface Plan(TempFolder run, WantedInterface wanted, Func<WantedBridge, WantedBridge>? bridge = null, SwitchSettings? settings = null)
    {
        var all = Wanted((bridge ?? (b => b))(Bridge("br0", new WantedPort(wanted.Name, [wanted]))));
        return SwitchPlan.Of(all, settings ?? all.Settings, run.File(""), null).Interfaces.Single();
    }

    private static WantedSwitch Wanted(params WantedBridge[] bridges) => new(bridges, new SwitchSettings());

    private static WantedBridge Bridge(string name, params WantedPort[] ports) => new(name, ports) { DatapathType = "netdev" };

    private static WantedPort Port(string name) => new(name, [new WantedInterface(name, "dpdkvhostuser")]);

    private static Dictionary<string, string> Options(string option) => option.Split('=', 2) is [var key, var value] ? new() { [key] = value } : [];
}
