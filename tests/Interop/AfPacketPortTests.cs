using VhostSwitch.Interop.Content;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>Interfaces of a namespace as ports of the switch, by net_af_packet; behind each a veth pair and a namespace with the kernel's network stack.</summary>
public sealed class AfPacketPortTests : InterfacePortTest
{
    private const int TagOffset = 12;

    private NetworkNamespace? _hub;

    [Theory]
    [InlineData(true, 1500, 1)]
    [InlineData(false, 1500, 1)]
    [InlineData(true, 9000, 1)]
    [InlineData(false, 9000, 1)]
    [InlineData(true, 1500, 2)]
    public async Task AFileArrivesUnchangedInBothDirections(bool offloads, int mtu, int pairs)
    {
        (SwitchProcess vhostSwitch, Station a, Station b) = await StartPairAsync(mtu, $",qpairs={pairs}");
        await a.SetOffloadsAsync(offloads);
        await b.SetOffloadsAsync(offloads);
        await a.WaitForPingAsync(b.Address);

        await TransferAsync(a, b);
        await TransferAsync(b, a);

        SwitchStatus status = await vhostSwitch.StatusAsync();
        foreach (WirePort port in (WirePort[])[status.Wire("net_af_packet0"), status.Wire("net_af_packet1")])
        {
            Assert.Equal(pairs, port.Inputs.Count);
            long average = port.BytesIn / port.FramesIn;
            // Acknowledgements included: with offloads, segments are many times larger than frames on a wire.
            if (offloads) Assert.InRange(average, 4 * 1514, 65553);
            else Assert.InRange(average, 60, mtu + 14);
            Assert.Equal(0, port.DropsIn("bad_offload") + port.DropsIn("oversize") + port.DropsOut("interface_refused") + port.DropsOut("exceeds_mtu"));
        }
        Assert.All(status.AllocatedBytes(), bytes => Assert.Equal(0, bytes));
        await vhostSwitch.StopAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task EveryPingIsCountedOnce(int pairs)
    {
        const int pings = 200;
        (SwitchProcess vhostSwitch, Station a, Station b) = await StartPairAsync(arguments: $",qpairs={pairs}");
        await a.WaitForPingAsync(b.Address);
        await SetNeighboursAsync(a, b);
        SwitchStatus before = await vhostSwitch.StatusAsync();

        Assert.Equal(pings, await a.PingAsync(b.Address, pings));
        Assert.Equal(20, await a.PingAsync(b.Address, 20, size: 1400));

        SwitchStatus after = await vhostSwitch.WaitForStatusAsync(
            status => status.Wire("net_af_packet0").FramesOut - before.Wire("net_af_packet0").FramesOut >= pings + 20, "every answer");
        foreach (string port in (string[])["net_af_packet0", "net_af_packet1"])
        {
            Assert.Equal(pings + 20, after.Wire(port).FramesIn - before.Wire(port).FramesIn);
            Assert.Equal(pings + 20, after.Wire(port).FramesOut - before.Wire(port).FramesOut);
        }
        Assert.Empty(after.Drops().Except(before.Drops()));
    }

    /// <summary>The kernel takes a tag out of what it receives; the switch has it all the same, and what leaves has it in its place.</summary>
    [Theory]
    [InlineData(0x8100, 0x03e8)]
    [InlineData(0x8100, 0xafff)]
    [InlineData(0x88a8, 0x0064)]
    public async Task TaggedFramesKeepTheirTag(int type, int control)
    {
        const int frames = 40, length = 200;
        (SwitchProcess vhostSwitch, Station a, Station b) = await StartPairAsync();
        await using Capture capture = Own(await Capture.StartAsync(b.Namespace, b.Interface, "ether src 02:00:00:00:00:07"), c => [c.Transcript]);
        using WireEnd wire = new WireEnd(a.Namespace, a.Interface);
        List<byte[]> sent = [];
        for (int i = 0; i < frames; i++)
        {
            byte[] frame = new byte[length + i];
            Random.Shared.NextBytes(frame);
            Convert.FromHexString($"ffffffffffff020000000007{type:x4}{control:x4}88b5").CopyTo(frame, 0);
            sent.Add(frame);
            Assert.True(wire.TrySend(0, frame, parts: 1));
        }

        IReadOnlyList<byte[]> received = await capture.WaitForFramesAsync(frames, length);
        await Until.TrueAsync(() => capture.Frames()[^1].Length == length + frames - 1, Limits.Step, "the last frame is complete");
        received = capture.Frames();
        Assert.Equal(sent, received);
        SwitchStatus status = await vhostSwitch.StatusAsync();
        // Whoever reads the tag is the switch: the address is known in the tag's VLAN.
        if (type == 0x8100)
            Assert.Contains(status.Addresses, address => address.Mac == "02:00:00:00:00:07" && address.Vlan == (control & 0xfff));
        Assert.Equal(Convert.ToHexStringLower(sent[0], TagOffset, 4), Convert.ToHexStringLower(received[0], TagOffset, 4));
    }

    /// <summary>One interface of three is set down, then deleted, while traffic flows through it: the status says so, the others notice nothing.</summary>
    [Fact]
    public async Task AnInterfaceThatGoesDownOrAwayIsTakenUpAgain()
    {
        NetworkNamespace hub = await MakeNamespaceAsync();
        NetworkNamespace[] spaces = [await MakeNamespaceAsync(), await MakeNamespaceAsync(), await MakeNamespaceAsync()];
        Station[] stations = new Station[3];
        for (int i = 0; i < 3; i++)
            stations[i] = await Station.ByVethAsync(spaces[i], hub, $"p{i}", $"10.0.0.{i + 1}");
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [], Namespace = hub, Devices = [.. Enumerable.Range(0, 3).Select(i => $"net_af_packet{i},iface=p{i}")],
        });
        (Station a, Station b, Station c) = (stations[0], stations[1], stations[2]);
        await a.WaitForPingAsync(b.Address);
        await a.WaitForPingAsync(c.Address);
        Own(await b.StartSinkAsync(), p => [p.Transcript]);
        ChildProcess load = Own(a.StartLoad(b.Address, 600), p => [p.Transcript]);
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet1").FramesOut > 1000, "the load");

        await hub.IpHereAsync("link set p1 down");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet1").Status == "down: p1 is set down (ip link set p1 up)", "that p1 is down");
        // Retransmissions, or this flood, are counted for what they are.
        using (WireEnd wire = new WireEnd(a.Namespace, a.Interface))
            Assert.True(wire.TrySend(0, Broadcast(), parts: 1));
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet1").DropsOut("interface_down") > 0, "frames for an interface that is down");
        Assert.Equal(50, await a.PingAsync(c.Address, 50));
        await hub.IpHereAsync("link set p1 up");
        SwitchStatus up = await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet1").IsUp, "that p1 is up");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet1").FramesOut > up.Wire("net_af_packet1").FramesOut + 1000, "the load again");

        await hub.IpHereAsync("link delete p1");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet1").Status.StartsWith("gone: the interface p1 was deleted", StringComparison.Ordinal), "that p1 is gone");
        Assert.Equal(50, await a.PingAsync(c.Address, 50));
        await load.DisposeAsync();
        Station again = await Station.ByVethAsync(spaces[1], hub, "p1", "10.0.0.2");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet1").IsUp, "that p1 is back");
        await a.Namespace.IpHereAsync("neigh flush all");
        await a.WaitForPingAsync(again.Address);
        await TransferAsync(a, again);
        Assert.All((await vhostSwitch.StatusAsync()).AllocatedBytes(), bytes => Assert.Equal(0, bytes));
        await vhostSwitch.StopAsync();
    }

    [Fact]
    public async Task TheOtherEndDownIsNoCarrier()
    {
        (SwitchProcess vhostSwitch, Station a, Station b) = await StartPairAsync();
        await a.WaitForPingAsync(b.Address);
        await b.Namespace.IpHereAsync($"link set {b.Interface} down");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet1").Status.Contains("has no carrier", StringComparison.Ordinal), "no carrier");
        await b.Namespace.IpHereAsync($"link set {b.Interface} up");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet1").IsUp, "that it is up");
        await a.WaitForPingAsync(b.Address);
    }

    [Fact]
    public async Task FramesLongerThanTheMtuAreCounted()
    {
        const int pings = 20;
        (SwitchProcess vhostSwitch, Station a, Station b) = await StartPairAsync(9000);
        await a.WaitForPingAsync(b.Address);
        Assert.Equal(pings, await a.PingAsync(b.Address, pings, size: 4000));
        await b.Namespace.IpHereAsync("link set v0 mtu 1500");
        NetworkNamespace hub = _hub!;
        await hub.IpHereAsync("link set p1 mtu 1500");
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet1").Status == "up: p1, MTU 1500", "the new MTU");
        Assert.Equal(0, await a.PingAsync(b.Address, pings, size: 4000));
        Assert.Equal(pings, (await vhostSwitch.StatusAsync()).Wire("net_af_packet1").DropsOut("exceeds_mtu"));
        Assert.Equal(pings, await a.PingAsync(b.Address, pings, size: 1400));
        await hub.IpHereAsync("link set p1 mtu 9000");
        await b.Namespace.IpHereAsync("link set v0 mtu 9000");
        Assert.Equal(pings, await a.PingAsync(b.Address, pings, size: 4000));
    }

    /// <summary>A switch that does not come round loses frames, and the kernel's count of them is the switch's: not one more, not one less.</summary>
    [Fact]
    public async Task FramesThatFindNoSlotAreCounted()
    {
        const int slots = 64, sent = 500;
        (SwitchProcess vhostSwitch, Station a, Station b) = await StartPairAsync(arguments: $",blocksz=65536,framesz=2048,framecnt={slots}");
        await a.WaitForPingAsync(b.Address);
        await SetNeighboursAsync(a, b);
        SwitchStatus before = await vhostSwitch.StatusAsync();
        using WireEnd wire = new WireEnd(a.Namespace, a.Interface);
        await vhostSwitch.SuspendAsync();
        for (int i = 0; i < sent; i++)
            Assert.True(wire.TrySend(0, Broadcast(), parts: 1));
        vhostSwitch.Resume();

        SwitchStatus after = await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet0").DropsIn("interface_overrun") > 0, "overruns");
        WirePort port = after.Wire("net_af_packet0");
        Assert.Equal(slots, port.FramesIn - before.Wire("net_af_packet0").FramesIn);
        Assert.Equal(sent - slots, port.DropsIn("interface_overrun"));
        Assert.Equal(20, await a.PingAsync(b.Address, 20));
    }

    [Fact]
    public async Task ALargeSegmentThatFitsNoSlotIsDroppedForIt()
    {
        (SwitchProcess vhostSwitch, Station a, Station b) = await StartPairAsync(arguments: ",blocksz=4096,framesz=2048,framecnt=512");
        await a.WaitForPingAsync(b.Address);
        await a.SetOffloadsAsync(true);
        (ChildProcess server, string hash) = await a.ServeAsync(Folder, 1 << 20);
        Own(server, p => [p.Transcript]);
        // Slowly, but it arrives: TCP falls back to what fits.
        await Task.WhenAny(b.FetchAsync(a.Address, 1 << 20), vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet0").DropsIn("oversize") > 0, "frames too long for a slot"));
        await vhostSwitch.WaitForStatusAsync(s => s.Wire("net_af_packet0").DropsIn("oversize") > 0, "frames too long for a slot");
        await a.SetOffloadsAsync(false);
        Assert.Equal(hash, await b.FetchAsync(a.Address, 1 << 20));
    }

    /// <summary>DPDK's own net_af_packet at the other end of a veth pair: it answers to ARP and ping, and counts what we count.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TestpmdAnswersAndCountsTheSame(bool bypass)
    {
        const int pings = 100;
        NetworkNamespace hub = await MakeNamespaceAsync(), left = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        Station a = await Station.ByVethAsync(left, hub, "p0", "10.0.0.1");
        await hub.ConnectAsync("p1", right, "v0");
        // It knows nothing of virtio-net headers: checksums must be finished when it sees them, as on a wire.
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [], Namespace = hub, Devices = ["net_af_packet0,iface=p0", $"net_af_packet1,iface=p1,qdisc_bypass={(bypass ? 1 : 0)}"],
        });
        Testpmd testpmd = await StartTestpmdAsync(new() { Ports = [new InterfacePort("net_af_packet", "v0")], Namespace = right, ForwardMode = "icmpecho" });
        await testpmd.StartForwardingAsync();
        await a.WaitForPingAsync("10.0.0.2");
        TestpmdCounters theirs = (await testpmd.ShowCountersAsync())[0];
        WirePort ours = (await vhostSwitch.StatusAsync()).Wire("net_af_packet1");

        Assert.Equal(pings, await a.PingAsync("10.0.0.2", pings, size: 1000));

        TestpmdCounters theirsAfter = (await testpmd.ShowCountersAsync())[0];
        WirePort oursAfter = (await vhostSwitch.StatusAsync()).Wire("net_af_packet1");
        Assert.InRange(oursAfter.FramesOut - ours.FramesOut, pings, pings + 4);
        Assert.Equal(theirsAfter.ReceivedFrames - theirs.ReceivedFrames, oursAfter.FramesOut - ours.FramesOut);
        Assert.Equal(theirsAfter.SentFrames - theirs.SentFrames, oursAfter.FramesIn - ours.FramesIn);
        Assert.Equal(theirsAfter.SentBytes - theirs.SentBytes, oursAfter.BytesIn - ours.BytesIn);
        await testpmd.StopForwardingAsync();
        await testpmd.QuitAsync();
    }

    [Fact]
    public async Task TwoPollThreadsShareAnInterface()
    {
        (SwitchProcess vhostSwitch, Station a, Station b) = await StartPairAsync(arguments: ",qpairs=2", cores: "0,1");
        await a.WaitForPingAsync(b.Address);
        Own(await b.StartSinkAsync(), p => [p.Transcript]);
        await a.Namespace.RunAsync("iperf3", "-c", b.Address, "-P", "8", "-t", "2");
        await TransferAsync(a, b);
        WirePort port = (await vhostSwitch.StatusAsync()).Wire("net_af_packet0");
        // By flow: with eight of them each queue has some.
        Assert.All(port.Inputs, queue => Assert.InRange(queue.Frames, 1, long.MaxValue));
        Assert.Equal(2, port.Inputs.Select(queue => queue.PollThread).Distinct().Count());
        Assert.All((await vhostSwitch.StatusAsync()).AllocatedBytes(), bytes => Assert.Equal(0, bytes));
    }

    [Fact]
    public async Task AMissingInterfaceIsNamedWithThoseThereAre()
    {
        NetworkNamespace hub = await MakeNamespaceAsync(), other = await MakeNamespaceAsync();
        await hub.ConnectAsync("here", other, "there");
        await ExpectAsync(hub, "net_af_packet0: there is no interface nowhere; there are here, lo", asNobody: false, "net_af_packet0,iface=nowhere");
    }

    [Fact]
    public async Task WithoutTheRightItIsNamed()
    {
        NetworkNamespace hub = await MakeNamespaceAsync(), other = await MakeNamespaceAsync();
        await hub.ConnectAsync("here", other, "there");
        await ExpectAsync(hub, "net_af_packet0: no right to open a packet socket, which needs CAP_NET_RAW", asNobody: true, "net_af_packet0,iface=here");
    }

    private async Task<(SwitchProcess Switch, Station A, Station B)> StartPairAsync(int mtu = 1500, string arguments = "", string cores = "0")
    {
        NetworkNamespace hub = _hub = await MakeNamespaceAsync();
        NetworkNamespace left = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        Station a = await Station.ByVethAsync(left, hub, "p0", "10.0.0.1", mtu), b = await Station.ByVethAsync(right, hub, "p1", "10.0.0.2", mtu);
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [], Namespace = hub, Cores = cores, Devices = [$"net_af_packet0,iface=p0{arguments}", $"net_af_packet1,iface=p1{arguments}"],
        });
        return (vhostSwitch, a, b);
    }
}
