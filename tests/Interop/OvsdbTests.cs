using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// A real ovsdb-server and ovs-vsctl drive the switch, in the place of ovs-vswitchd. No command has --no-wait: each returns when the switch has
/// done what it asks. The switch is in a namespace of its own, where its bridges' interfaces are seen by no one else.
/// </summary>
public sealed class OvsdbTests : InteropTest
{
    private const string MacA = "52:54:00:00:00:0a";
    private const string MacB = "52:54:00:00:00:0b";

    private OpenVswitch? _openVswitch;
    private NetworkNamespace? _place;

    private OpenVswitch Ovs => _openVswitch!;

    public override async ValueTask InitializeAsync()
    {
        _openVswitch = Own(OpenVswitch.Create(Folder), o => o.Transcripts);
        await Ovs.StartDatabaseAsync();
        _place = await MakeNamespaceAsync();
    }

    [Fact]
    public async Task PortsComeAndGoWhileFramesFlow()
    {
        SwitchProcess vhostSwitch = await StartAsync();
        await AddBridgeAsync();
        await AddServerPortAsync("p0");
        await AddServerPortAsync("p1");
        Assert.Equal("{detail=\"waiting for a front-end\", mode=server, status=disconnected}", await GetAsync("p0", "status"));
        Testpmd guest = await StartGuestsAsync(vhostSwitch);
        await WaitForColumnAsync("p0", "link_state", "up");
        Assert.Matches("features=\"0x[0-9a-f]{16}\", mode=server, n_rxq=\"1\", n_txq=\"1\", num_of_vrings=\"2\", socket=\".*/ovs/p0\", status=connected, vring_0_size=\"256\"",
            await GetAsync("p0", "status"));

        await AddServerPortAsync("p2");
        await AssertFlowsAsync(guest);
        await Ovs.RemovePortAsync("p2");
        Assert.False(File.Exists(Ovs.File("p2")));
        Assert.Contains("Error detected while setting up 'a/b'", await TellAsync("add-port", "br0", "a/b", "--", "set", "Interface", "a/b", "type=dpdkvhostuser"));
        Assert.Equal("-1", await GetAsync("a/b", "ofport"));
        await AssertFlowsAsync(guest);
        await Assert.ThrowsAsync<RigException>(() => AddServerPortAsync("p0"));

        // Nothing that the database says of the wrong port is left when it is right.
        await Ovs.ConfigureAsync("set", "Interface", "a/b", "type=dpdk", "options:dpdk-devargs=net_null0");
        Assert.Equal("[]", await GetAsync("a/b", "error"));
        Assert.NotEqual("-1", await GetAsync("a/b", "ofport"));
        await Ovs.RemovePortAsync("a/b");

        await Ovs.StopDatabaseAsync();
        await AssertFlowsAsync(guest);
        await Ovs.ServeDatabaseAsync();
        await AddServerPortAsync("p3");
        await AssertFlowsAsync(guest);
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.True(status.PortAt(Ovs.File("p0")).IsUp && status.PortAt(Ovs.File("p1")).IsUp);
        Assert.Equal(["1", "2"], [await GetAsync("p0", "ofport"), await GetAsync("p1", "ofport")]);
        await WaitForColumnAsync("p0", "statistics:rx_packets", text => long.Parse(text) > 1000, "more than 1000");

        await AskAsOperatorAsync();
        await guest.StopForwardingAsync();
        await guest.QuitAsync();
        await WaitForColumnAsync("p0", "link_state", "down");
        await vhostSwitch.StopAsync();
        Assert.False(File.Exists(Ovs.File("p0")));
    }

    [Fact]
    public async Task ASecondSwitchWaitsUntilTheFirstHasGone()
    {
        SwitchProcess first = await StartAsync();
        await AddBridgeAsync();
        await AddServerPortAsync("p0");
        NetworkNamespace elsewhere = await MakeNamespaceAsync();
        SwitchProcess second = Own(
            SwitchProcess.StartWith(Folder, Arguments("ctl2"), [], Folder.File("ctl2"), elsewhere), p => [p.Transcript]);
        await second.WaitForLineAsync(new Regex("another program configures by this database; waiting for its lock ovs_vswitchd"), Limits.Step);
        await AddServerPortAsync("p1");
        Assert.Empty((await second.StatusAsync()).Ports);
        await first.StopAsync();
        await second.WaitForStatusAsync(status => status.Ports.Any(port => port.Endpoint == Ovs.File("p1")), "the ports of the first");
        await AddServerPortAsync("p2");
        // The numbers of ports are those that the database has.
        Assert.Equal(["1", "2", "3"], [await GetAsync("p0", "ofport"), await GetAsync("p1", "ofport"), await GetAsync("p2", "ofport")]);
    }

    [Fact]
    public async Task PortsAddedAndRemovedLeaveNothingBehind()
    {
        SwitchProcess vhostSwitch = await StartAsync();
        await AddBridgeAsync();
        await CycleAsync(1);
        int before = vhostSwitch.Descriptors();
        await CycleAsync(FullRun.Requested ? 200 : 20);
        await vhostSwitch.WaitForDescriptorsAsync(before);
        Assert.Equal(["br0"], (await vhostSwitch.StatusAsync()).Ports.Select(port => port.Name));

        async Task CycleAsync(int ports)
        {
            for (int i = 0; i < ports; i++)
            {
                await AddServerPortAsync($"p{i}");
                await Ovs.RemovePortAsync($"p{i}");
            }
        }
    }

    [Fact]
    public async Task WhatIsNotSupportedSaysSo()
    {
        await StartAsync();
        await AddBridgeAsync();
        await AddServerPortAsync("p0");
        await TellAsync("add-bond", "br0", "b0", "x0", "x1");
        Assert.Equal("-1", await GetAsync("x0", "ofport"));
        Assert.Contains("bonds are not built yet", await GetAsync("x0", "error"));
        await Ovs.ConfigureAsync("del-port", "br0", "b0");

        Assert.Contains("datapath_type is not set, which means the kernel's switch", await TellAsync("add-br", "br1"));
        await Ovs.ConfigureAsync("set", "Bridge", "br1", "datapath_type=netdev");
        Assert.Equal("65534", await GetAsync("br1", "ofport"));
        Assert.Contains("options:peer is missing", await TellAsync("add-port", "br1", "w0", "--", "set", "Interface", "w0", "type=patch") + await GetAsync("w0", "error"));
        await Ovs.ConfigureAsync("del-br", "br1");
        await Ovs.ConfigureAsync("set-controller", "br0", "tcp:127.0.0.1:6653");
        Assert.Contains("OpenFlow is not built", await Ovs.ConfigureAsync("get", "Bridge", "br0", "status:controller"));
        Assert.NotEqual("-1", await GetAsync("p0", "ofport"));
        await Ovs.ConfigureAsync("set-fail-mode", "br0", "secure");
        Assert.Equal("-1", await GetAsync("p0", "ofport"));
        await Ovs.ConfigureAsync("set-fail-mode", "br0", "standalone");
        Assert.NotEqual("-1", await GetAsync("p0", "ofport"));

        // A client port without its path is no error: it is there, and waits.
        await Ovs.ConfigureAsync("add-port", "br0", "c0", "--", "set", "Interface", "c0", "type=dpdkvhostuserclient");
        Assert.Equal(["[]", "down"], [await GetAsync("c0", "error"), await GetAsync("c0", "link_state")]);
        Assert.Contains("options:vhost-server-path", await GetAsync("c0", "status:detail"));
        Assert.Equal("\"<built-in>\"", await Ovs.ConfigureAsync("get", "Bridge", "br0", "datapath_version"));
    }

    [Fact]
    public async Task InterfacesOfTheHostArePorts()
    {
        await StartAsync();
        NetworkNamespace other = await MakeNamespaceAsync();
        await _place!.ConnectAsync("eth1", other, "eth1");
        await _place.ConnectAsync("eth2", other, "eth2");
        await Ovs.ConfigureAsync("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev", "other_config:hwaddr=02:00:00:00:00:99");
        await Ovs.ConfigureAsync("add-port", "br0", "eth1");
        await Ovs.ConfigureAsync("add-port", "br0", "x0", "--", "set", "Interface", "x0", "type=dpdk", "options:dpdk-devargs=eth2");
        await Ovs.ConfigureAsync("add-port", "br0", "t0", "--", "set", "Interface", "t0", "type=internal", "mtu_request=1400", "mac=\"02:00:00:00:00:77\"");
        Assert.Equal(["65534", "1", "2", "3"], [await GetAsync("br0", "ofport"), await GetAsync("eth1", "ofport"), await GetAsync("x0", "ofport"), await GetAsync("t0", "ofport")]);
        Assert.Equal(["\"02:00:00:00:00:77\"", "1400", "up"], [await GetAsync("t0", "mac_in_use"), await GetAsync("t0", "mtu"), await GetAsync("t0", "link_state")]);
        Assert.Equal("\"0000020000000099\"", await Ovs.ConfigureAsync("get", "Bridge", "br0", "datapath_id"));
        string index = (await _place.RunAsync("cat", "/sys/class/net/eth1/ifindex")).Trim();
        Assert.Equal(index, await GetAsync("eth1", "ifindex"));
        Assert.Contains("no interface none", await TellAsync("add-port", "br0", "none"));

        await _place.IpHereAsync("address add 10.0.0.1/24 dev br0");
        await other.IpHereAsync("address add 10.0.0.2/24 dev eth1");
        await _place.RunAsync("ping", "-c", "1", "-w", "10", "10.0.0.2");
        await other.IpHereAsync("link set dev eth1 down");
        await WaitForColumnAsync("eth1", "link_state", "down");
    }

    private async Task<SwitchProcess> StartAsync()
    {
        SwitchProcess vhostSwitch = Own(SwitchProcess.StartWith(Folder, Arguments("ctl"), [], Folder.File("ctl"), _place), p => [p.Transcript]);
        await vhostSwitch.WaitUntilServingAsync();
        return vhostSwitch;
    }

    private string[] Arguments(string controlSocket) => ["-l", "0", "--", "--ovsdb", Ovs.Database, "--ctl-socket", Folder.File(controlSocket)];

    private Task AddBridgeAsync() => Ovs.ConfigureAsync("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev");

    private async Task AddServerPortAsync(string name)
    {
        await Ovs.ConfigureAsync("add-port", "br0", name, "--", "set", "Interface", name, "type=dpdkvhostuser");
        // It is there when the command returns.
        Assert.True(File.Exists(Ovs.File(name)), name);
    }

    /// <summary>Two front-ends in one program, which sends out of each what it gets by the other.</summary>
    private async Task<Testpmd> StartGuestsAsync(SwitchProcess vhostSwitch)
    {
        Testpmd guest = await StartTestpmdAsync(new()
        {
            Ports = [new VirtioUserPort(Ovs.File("p0"), MacA), new VirtioUserPort(Ovs.File("p1"), MacB)],
            Peers = [MacB, MacA],
        });
        await vhostSwitch.WaitForStatusAsync(status => status.PortAt(Ovs.File("p0")).IsUp && status.PortAt(Ovs.File("p1")).IsUp, "both ports up");
        await guest.StartForwardingAsync(txFirst: true);
        return guest;
    }

    private static async Task AssertFlowsAsync(Testpmd guest)
    {
        long[] before = [.. (await guest.ShowCountersAsync()).Select(port => port.ReceivedFrames)];
        await Until.TrueAsync(
            async () => (await guest.ShowCountersAsync()).Zip(before).All(port => port.First.ReceivedFrames > port.Second + 1000), Limits.Step, "frames flow");
    }

    /// <summary>The commands of ovs-appctl, while frames flow between the ports 1 and 2.</summary>
    private async Task AskAsOperatorAsync()
    {
        string addresses = await AskAsync("fdb/show", "br0");
        Assert.StartsWith(" port  VLAN  MAC                Age\n", addresses);
        Assert.Matches($"    1     0  {MacA}    [0-9]", addresses);
        Assert.Matches($"    2     0  {MacB}    [0-9]", addresses);
        Assert.Matches("table: [23]/", await AskAsync("fdb/stats-show", "br0"));
        Assert.Equal("table successfully flushed", await AskAsync("fdb/flush", "br0"));
        Assert.Matches("pmd thread numa_id [0-9]+ core_id 0:\n  packets received: [1-9]", await AskAsync("dpif-netdev/pmd-stats-show"));
        Assert.Matches("  port: p1                queue-id:  0 \\(enabled\\)   pmd usage: [ 0-9]+ %", await AskAsync("dpif-netdev/pmd-rxq-show"));
        Assert.Equal("", await AskAsync("vlog/set", "ANY:console:dbg"));
        Assert.Contains("  dpif-netdev/pmd-stats-clear", await AskAsync("list-commands"));
        await Assert.ThrowsAsync<RigException>(() => AskAsync("fdb/show", "br9"));

        Task<string> AskAsync(params string[] words) =>
            ChildProcess.RunAsync("ovs-appctl", "ovs-appctl", ["--timeout=20", "-t", Folder.File("ctl"), .. words], Limits.Step);
    }

    private Task<string> GetAsync(string name, string column) => Ovs.ConfigureAsync("get", "Interface", name, column);

    /// <summary>What ovs-vsctl prints where it prints an error and ends with 0.</summary>
    private Task<string> TellAsync(params string[] arguments) => Ovs.ConfigureAsync(arguments);

    private Task WaitForColumnAsync(string name, string column, string value) => WaitForColumnAsync(name, column, text => text == value, value);

    private async Task WaitForColumnAsync(string name, string column, Func<string, bool> condition, string what)
    {
        string last = "";
        await Until.TrueAsync(async () => condition(last = await GetAsync(name, column)), Limits.Step, $"{column} of {name} is {what}", () => last);
    }
}
