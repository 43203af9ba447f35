using VhostSwitch.Interop.Content;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>TAP interfaces as ports of the switch, by net_tap: used where they are, or moved into the namespaces of others.</summary>
public sealed class TapPortTests : InterfacePortTest
{
    private const string Nobody = "65534";

    [Theory]
    [InlineData(true, 1500, "")]
    [InlineData(false, 1500, "")]
    [InlineData(true, 9000, "")]
    [InlineData(false, 9000, "")]
    [InlineData(true, 1500, ",queues=2")]
    [InlineData(true, 1500, ",offload=0")]
    public async Task AFileArrivesUnchangedBetweenTwoTapsInOtherNamespaces(bool offloads, int mtu, string arguments)
    {
        NetworkNamespace hub = await MakeNamespaceAsync(), left = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [], Namespace = hub, Devices = [$"net_tap0{arguments}", $"net_tap1{arguments}"],
        });
        Station a = await Station.ByTapAsync(left, hub, "dtap0", "10.0.0.1", mtu), b = await Station.ByTapAsync(right, hub, "dtap1", "10.0.0.2", mtu);
        bool large = offloads && !arguments.Contains("offload=0", StringComparison.Ordinal);
        if (!offloads)
        {
            await a.SetOffloadsAsync(false);
            await b.SetOffloadsAsync(false);
        }
        await a.WaitForPingAsync(b.Address);
        SwitchStatus before = await vhostSwitch.WaitForStatusAsync(
            s => s.Wire("net_tap1").Status.StartsWith($"up: dtap1 in another network namespace, MTU {mtu}", StringComparison.Ordinal), "where dtap1 is");

        await TransferAsync(a, b);
        await TransferAsync(b, a);

        SwitchStatus after = await vhostSwitch.StatusAsync();
        foreach (WirePort port in (WirePort[])[after.Wire("net_tap0"), after.Wire("net_tap1")])
        {
            long average = port.BytesIn / port.FramesIn;
            // Acknowledgements included: with offloads, segments are many times larger than frames on a wire.
            if (large) Assert.InRange(average, 4 * 1514, 65553);
            else Assert.InRange(average, 60, mtu + 14);
        }
        // Nobody loses frames here: the kernel waits with what the switch has not read.
        Assert.Empty(after.Drops().Except(before.Drops()));
        Assert.All(after.AllocatedBytes(), bytes => Assert.Equal(0, bytes));
        await vhostSwitch.StopAsync();
    }

    [Theory]
    [InlineData(true, 1500)]
    [InlineData(false, 1500)]
    [InlineData(true, 9000)]
    public async Task AFileArrivesUnchangedBetweenATapAndAnInterface(bool offloads, int mtu)
    {
        NetworkNamespace hub = await MakeNamespaceAsync(), other = await MakeNamespaceAsync();
        Station b = await Station.ByVethAsync(other, hub, "p0", "10.0.0.2", mtu);
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [], Namespace = hub, Devices = [$"net_tap0,iface=tap0,mtu={mtu},mac=02:00:00:00:00:01", "net_af_packet0,iface=p0"],
        });
        Station a = await Station.AtTapAsync(hub, "tap0", "10.0.0.1", mtu);
        Assert.Equal("02:00:00:00:00:01", await a.MacAsync());
        await a.SetOffloadsAsync(offloads);
        await b.SetOffloadsAsync(offloads);
        await a.WaitForPingAsync(b.Address);
        await TransferAsync(a, b);
        await TransferAsync(b, a);
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.Equal($"up: tap0, MTU {mtu}", status.Wire("net_tap0").Status);
        Assert.Equal(0, status.Wire("net_tap0").DropsIn("bad_offload") + status.Wire("net_tap0").DropsOut("interface_refused"));
        Assert.All(status.AllocatedBytes(), bytes => Assert.Equal(0, bytes));
        await vhostSwitch.StopAsync();
        Assert.DoesNotContain("tap0", await hub.IpHereAsync("link"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task EveryPingIsCounted()
    {
        const int pings = 200;
        (SwitchProcess vhostSwitch, Station a, Station b, _) = await StartPairAsync();
        await a.WaitForPingAsync(b.Address);
        await SetNeighboursAsync(a, b);
        SwitchStatus before = await vhostSwitch.StatusAsync();
        Assert.Equal(pings, await a.PingAsync(b.Address, pings));
        SwitchStatus after = await vhostSwitch.StatusAsync();
        foreach (string port in (string[])["net_tap0", "net_tap1"])
        {
            Assert.Equal(pings, after.Wire(port).FramesIn - before.Wire(port).FramesIn);
            Assert.Equal(pings, after.Wire(port).FramesOut - before.Wire(port).FramesOut);
        }
        Assert.Empty(after.Drops().Except(before.Drops()));
    }

    [Fact]
    public async Task TaggedFramesKeepTheirTag()
    {
        const int frames = 40, length = 200;
        (SwitchProcess vhostSwitch, Station a, Station b, _) = await StartPairAsync();
        await using Capture capture = Own(await Capture.StartAsync(b.Namespace, b.Interface, "ether src 02:00:00:00:00:07"), c => [c.Transcript]);
        using WireEnd wire = new WireEnd(a.Namespace, a.Interface);
        List<byte[]> sent = [];
        for (int i = 0; i < frames; i++)
        {
            byte[] frame = new byte[length + i];
            Random.Shared.NextBytes(frame);
            Convert.FromHexString("ffffffffffff020000000007810003e888b5").CopyTo(frame, 0);
            sent.Add(frame);
            Assert.True(wire.TrySend(0, frame, parts: 1));
        }
        await capture.WaitForFramesAsync(frames, length);
        await Until.TrueAsync(() => capture.Frames()[^1].Length == length + frames - 1, Limits.Step, "the last frame is complete");
        Assert.Equal(sent, capture.Frames());
        Assert.Contains((await vhostSwitch.StatusAsync()).Addresses, address => address.Mac == "02:00:00:00:00:07" && address.Vlan == 1000);
    }

    /// <summary>A tap of the switch's own is set down, gets another MTU and is deleted under load: the status says so, and it is made anew.</summary>
    [Fact]
    public async Task ATapThatGoesDownOrAwayIsMadeAnew()
    {
        NetworkNamespace hub = await MakeNamespaceAsync(), left = await MakeNamespaceAsync(), other = await MakeNamespaceAsync();
        Station c = await Station.ByVethAsync(other, hub, "p0", "10.0.0.3");
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [], Namespace = hub, Devices = ["net_tap0,iface=tapa", "net_tap1,iface=tapb,mac=fixed,mtu=1400", "net_af_packet0,iface=p0"],
        });
        Station a = await Station.ByTapAsync(left, hub, "tapa", "10.0.0.1"), b = await Station.AtTapAsync(hub, "tapb", "10.0.0.2", 1400);
        Assert.Equal("00:64:74:61:70:01", await b.MacAsync());
        await a.WaitForPingAsync(b.Address);
        await a.WaitForPingAsync(c.Address);
        Own(await b.StartSinkAsync(), p => [p.Transcript]);
        ChildProcess load = Own(a.StartLoad(b.Address, 600), p => [p.Transcript]);
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap1").FramesOut > 1000, "the load");

        await hub.IpHereAsync("link set tapb mtu 1300");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap1").Status == "up: tapb, MTU 1300", "the new MTU");
        await hub.IpHereAsync("link set tapb down");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap1").Status == "down: tapb is set down (ip link set tapb up)", "that tapb is down");
        using (WireEnd wire = new WireEnd(a.Namespace, a.Interface))
            Assert.True(wire.TrySend(0, Broadcast(), parts: 1));
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap1").DropsOut("interface_down") > 0, "frames for an interface that is down");
        Assert.Equal(50, await a.PingAsync(c.Address, 50));
        await hub.IpHereAsync("link set tapb up");
        SwitchStatus up = await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap1").IsUp, "that tapb is up");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap1").FramesOut > up.Wire("net_tap1").FramesOut + 1000, "the load again");

        await hub.IpHereAsync("link delete tapb");
        await load.DisposeAsync();
        await vhostSwitch.WaitForLineAsync(new("net_tap1: gone: the interface tapb was deleted"), Limits.Step);
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap1").Status == "up: tapb, MTU 1400", "that tapb was made anew");
        Assert.Equal(50, await a.PingAsync(c.Address, 50));
        b = await Station.AtTapAsync(hub, "tapb", "10.0.0.2", 1400);
        Assert.Equal("00:64:74:61:70:01", await b.MacAsync());
        await a.WaitForPingAsync(b.Address);
        await TransferAsync(a, b);
        Assert.All((await vhostSwitch.StatusAsync()).AllocatedBytes(), bytes => Assert.Equal(0, bytes));
        await vhostSwitch.StopAsync();
    }

    [Fact]
    public async Task ATapThatWasThereBeforeIsWaitedForAndLeftBehind()
    {
        NetworkNamespace hub = await MakeNamespaceAsync();
        await hub.IpHereAsync("tuntap add dev mine mode tap vnet_hdr");
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = [], Namespace = hub, Devices = ["net_tap0,iface=mine"] });
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap0").IsUp, "that mine is up");
        await hub.IpHereAsync("link delete mine");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap0").Status.StartsWith("gone: the interface mine was deleted; it is taken up", StringComparison.Ordinal), "that mine is gone");
        await hub.IpHereAsync("tuntap add dev mine mode tap vnet_hdr");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap0").IsUp, "that mine is back");
        await vhostSwitch.StopAsync();
        Assert.Contains("mine", await hub.IpHereAsync("link"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task APersistentTapStays()
    {
        NetworkNamespace hub = await MakeNamespaceAsync();
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = [], Namespace = hub, Devices = ["net_tap0,iface=stays,persist,queues=2"] });
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap0").Status == "up: stays, MTU 1500, 2 queues", "the tap");
        await vhostSwitch.StopAsync();
        Assert.Contains("stays", await hub.IpHereAsync("link"), StringComparison.Ordinal);
        await ExpectAsync(hub, "net_tap0: the interface stays exists and is no TAP interface with one queue", asNobody: false, "net_tap0,iface=stays");
    }

    [Fact]
    public async Task TwoPollThreadsShareATap()
    {
        NetworkNamespace hub = await MakeNamespaceAsync(), left = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = [], Namespace = hub, Cores = "0,1", Devices = ["net_tap0,queues=2", "net_tap1,queues=2"] });
        Station a = await Station.ByTapAsync(left, hub, "dtap0", "10.0.0.1"), b = await Station.ByTapAsync(right, hub, "dtap1", "10.0.0.2");
        await a.WaitForPingAsync(b.Address);
        Own(await b.StartSinkAsync(), p => [p.Transcript]);
        await a.Namespace.RunAsync("iperf3", "-c", b.Address, "-P", "8", "-t", "2");
        await TransferAsync(a, b);
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.All(status.Wire("net_tap0").Inputs, queue => Assert.InRange(queue.Frames, 1, long.MaxValue));
        Assert.Equal(2, status.Wire("net_tap0").Inputs.Select(queue => queue.PollThread).Distinct().Count());
        Assert.All(status.AllocatedBytes(), bytes => Assert.Equal(0, bytes));
    }

    [Fact]
    public async Task WithoutTheRightItIsNamed()
    {
        NetworkNamespace hub = await MakeNamespaceAsync();
        await ExpectAsync(hub, "net_tap0: no right to make the TAP interface tap0: that needs CAP_NET_ADMIN: run vhost-switch as root", asNobody: true, "net_tap0,iface=tap0");
    }

    /// <summary>What the sentence about rights proposes, carried out word by word, is enough.</summary>
    [Theory]
    [InlineData("", "")]
    [InlineData(" multi_queue", ",queues=2")]
    public async Task APreparedTapNeedsNoRight(string words, string arguments)
    {
        NetworkNamespace hub = await MakeNamespaceAsync();
        await hub.IpHereAsync($"tuntap add dev tap0 mode tap user {Nobody}{words} vnet_hdr");
        string[] command = Command(asNobody: true);
        SwitchProcess vhostSwitch = Own(
            SwitchProcess.StartWith(Folder, [.. command[1..], "--vdev", $"net_tap0,iface=tap0{arguments}", "--", "--ctl-socket", Folder.File("ctl")], [], Folder.File("ctl"), hub, command[0]),
            p => [p.Transcript]);
        await vhostSwitch.WaitUntilServingAsync();
        Assert.Equal("down: tap0 is set down (ip link set tap0 up)", (await vhostSwitch.StatusAsync()).Wire("net_tap0").Status);
        Station a = await Station.AtTapAsync(hub, "tap0", "10.0.0.1");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap0").IsUp, "that tap0 is up");
        using (WireEnd wire = new WireEnd(a.Namespace, a.Interface))
            Assert.True(wire.TrySend(0, Broadcast(), parts: 1));
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_tap0").FramesIn > 0, "a frame");
    }

    [Theory]
    [InlineData("net_tap0,iface=lo", "net_tap0: the interface lo exists and is no TAP interface with one queue")]
    [InlineData("net_tap0,iface=a,mtu=65521,mac=03:00:00:00:00:01", "net_tap0: mac=03:00:00:00:00:01 was given; 'fixed' is allowed")]
    public async Task WhatCannotBeIsRefused(string device, string sentence) => await ExpectAsync(await MakeNamespaceAsync(), sentence, asNobody: false, device);

    [Fact]
    public async Task ATapThatSomebodyElseUsesIsRefused()
    {
        NetworkNamespace hub = await MakeNamespaceAsync();
        await StartSwitchAsync(new() { Sockets = [], Namespace = hub, Devices = ["net_tap0,iface=a"] });
        await ExpectAsync(hub, "net_tap7: the TAP interface a is in use by another program", asNobody: false, "net_tap7,iface=a");
    }

    private async Task<(SwitchProcess Switch, Station A, Station B, NetworkNamespace Hub)> StartPairAsync()
    {
        NetworkNamespace hub = await MakeNamespaceAsync(), left = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = [], Namespace = hub, Devices = ["net_tap0,iface=tapa", "net_tap1,iface=tapb"] });
        return (vhostSwitch, await Station.ByTapAsync(left, hub, "tapa", "10.0.0.1"), await Station.ByTapAsync(right, hub, "tapb", "10.0.0.2"), hub);
    }
}
