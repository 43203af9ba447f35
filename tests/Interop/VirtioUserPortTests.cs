using VhostSwitch.Interop.Content;
using VhostSwitch.Interop.Rig;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser;
using Xunit;
using DpdkGuest = VhostSwitch.Interop.Rig.VirtioUserPort;

namespace VhostSwitch.Interop;

/// <summary>
/// The switch's own virtio_user ports on the back-ends of others. A guest of the switch, this process, sends numbered frames; whoever is
/// behind the back-end swaps their addresses and sends them back.
/// </summary>
public sealed class VirtioUserPortTests : InteropTest
{
    private const string OurMac = "52:54:00:00:00:0a";
    private const string DpdkMac = "52:54:00:00:00:0b";
    private const int RingSize = 256;
    private const int Seed = 1;

    private static readonly int FrameCount = FullRun.Requested ? 100_000 : 8_000;
    private static readonly int Kills = FullRun.Requested ? 50 : 3;

    /// <summary>Whether the port serves the socket; packed, mergeable, queue pairs.</summary>
    public static TheoryData<bool, bool, bool, int> Cases()
    {
        TheoryData<bool, bool, bool, int> cases = [];
        for (int bits = 0; bits < 16; bits++)
        {
            (bool server, bool packed, bool mergeable, int pairs) = ((bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0 ? 4 : 1);
            if (FullRun.Requested || bits is 0b0100 or 0b0111 or 0b1010 or 0b1101)
                cases.Add(server, packed, mergeable, pairs);
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task EveryByteComesBackFromDpdksNetVhost(bool server, bool packed, bool mergeable, int queuePairs)
    {
        string ours = Folder.File("ours"), theirs = Folder.File("theirs");
        SwitchOptions options = Options(ours, theirs, $"{Arguments(server, packed, mergeable)},queues={queuePairs}");
        // Whoever connects comes second.
        SwitchProcess vhostSwitch = server ? await StartSwitchAsync(options) : null!;
        Testpmd dpdk = await StartTestpmdAsync(NetVhost(theirs, client: server, queuePairs));
        vhostSwitch ??= await StartSwitchAsync(options);
        await dpdk.StartForwardingAsync();
        await SwapAndCompareAsync(vhostSwitch, ours, theirs, packed, jumbo: mergeable && queuePairs == 1, queuePairs);
        await vhostSwitch.StopAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EveryByteComesBackThroughAnotherSwitch(bool packed)
    {
        string ours = Folder.File("ours"), between = Folder.File("between"), theirs = Folder.File("theirs"), control = Folder.File("ctl2");
        SwitchOptions otherOptions = new() { Sockets = [between, theirs], Mergeable = true };
        SwitchProcess other = Own(
            SwitchProcess.StartWith(Folder, otherOptions.ToArguments(control), otherOptions.Sockets, control), p => [p.Transcript]);
        await other.WaitUntilServingAsync();
        SwitchProcess vhostSwitch = await StartSwitchAsync(Options(ours, between, Arguments(server: false, packed, mergeable: true)));
        Testpmd dpdk = await StartTestpmdAsync(Guest(theirs));
        await dpdk.StartForwardingAsync();
        await SwapAndCompareAsync(vhostSwitch, ours, between, packed, jumbo: true, queuePairs: 1);
        await vhostSwitch.StopAsync();
        await other.StopAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EveryByteComesBackThroughOpenVswitch(bool server)
    {
        string ours = Folder.File("ours"), between = Folder.File("between");
        OpenVswitch openVswitch = await StartOpenVswitchAsync();
        if (!server) between = await openVswitch.AddServerPortAsync("near");
        SwitchProcess vhostSwitch = await StartSwitchAsync(Options(ours, between, Arguments(server, packed: false, mergeable: true)));
        if (server) await openVswitch.AddClientPortAsync("near", between);
        Testpmd dpdk = await StartTestpmdAsync(Guest(await openVswitch.AddServerPortAsync("far")));
        await dpdk.StartForwardingAsync();
        await SwapAndCompareAsync(vhostSwitch, ours, between, packed: false, jumbo: false, queuePairs: 1);
        await vhostSwitch.StopAsync();
    }

    /// <summary>The back-end is killed under load, again and again, and started anew: frames come back again by themselves.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task TrafficResumesAfterEveryKillOfTheBackEnd(bool server, bool packed)
    {
        const int enough = 1000;
        string ours = Folder.File("ours"), theirs = Folder.File("theirs");
        SwitchProcess vhostSwitch = await StartSwitchAsync(Options(ours, theirs, Arguments(server, packed, mergeable: true)));
        using OwnDriver end = new(OwnOptions(ours));
        using CancellationTokenSource stop = new();
        int back = 0;
        Task load = Task.Run(() => Send(end, () => Interlocked.Increment(ref back), stop.Token));
        try
        {
            for (int kill = 0; kill <= Kills; kill++)
            {
                Testpmd dpdk = await StartTestpmdAsync(NetVhost(theirs, client: server, queuePairs: 1));
                await dpdk.StartForwardingAsync();
                int before = Volatile.Read(ref back);
                await Until.TrueAsync(
                    () => Volatile.Read(ref back) > before + enough,
                    Limits.Step,
                    $"frames come back after {kill} kills",
                    vhostSwitch.Transcript.ToString);
                await dpdk.KillAsync();
                SwitchStatus status = await vhostSwitch.WaitForStatusAsync(status => !status.PortAt(theirs).IsUp, "that the back-end is gone");
                Assert.StartsWith($"down: the back-end at {theirs} closed the connection", status.PortAt(theirs).Status, StringComparison.Ordinal);
                // DPDK does not serve a socket that is there.
                if (!server) File.Delete(theirs);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await load;
        }
        await vhostSwitch.StopAsync();
    }

    /// <summary>The driver is killed under load, again and again, and started anew: its back-end goes on with the next one.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task TrafficResumesAfterEveryKillOfTheDriver(bool server, bool packed)
    {
        const long enough = 1000;
        string socket = Folder.File("s");
        TestpmdOptions driver = new()
        {
            Own = true,
            Title = "testpmd",
            Core = 0,
            ForwardMode = "io",
            Descriptors = RingSize,
            Ports = [new OwnPort("virtio_user", $",mac={OurMac},path={socket},{Arguments(server, packed, mergeable: true)}")],
            MoreOptions = ["--port-topology=loop"],
        };
        Testpmd dpdk = await StartTestpmdAsync(NetVhost(socket, client: server, queuePairs: 1));
        await dpdk.StartForwardingAsync();
        for (int kill = 0; kill <= Kills; kill++)
        {
            Testpmd own = await StartTestpmdAsync(driver);
            long before = Assert.Single(await dpdk.ShowCountersAsync()).ReceivedFrames;
            await own.StartForwardingAsync(txFirst: true);
            await Until.TrueAsync(
                async () => Assert.Single(await dpdk.ShowCountersAsync()).ReceivedFrames > before + enough
                    && Assert.Single(await own.ShowCountersAsync()).ReceivedFrames > enough,
                Limits.Step,
                $"frames go round after {kill} kills",
                own.Transcript.ToString);
            await own.KillAsync();
        }
    }

    private async Task SwapAndCompareAsync(SwitchProcess vhostSwitch, string ours, string theirs, bool packed, bool jumbo, int queuePairs)
    {
        await vhostSwitch.WaitForStatusAsync(status => status.PortAt(theirs).IsUp, "a port that is up");
        RandomFrames frames = new(MacAddress.Parse(DpdkMac), MacAddress.Parse(OurMac), FrameCount, Seed, jumbo);
        using IFrameEnd end = queuePairs == 1 ? new OwnDriver(OwnOptions(ours)) : new ManyPairGuest(ours, queuePairs);
        SwitchStatus status = await vhostSwitch.WaitForStatusAsync(
            status => status.PortAt(ours).IsUp && status.PortAt(ours).Queues.Count(queue => queue.Enabled) == 2 * queuePairs, "the guest's queues");
        string rings = $"{(packed ? "packed" : "split")} rings of {RingSize}, {queuePairs} queue pair";
        Assert.Contains(rings, status.PortAt(theirs).Status, StringComparison.Ordinal);
        RoundTrip roundTrip = new(end, frames)
        {
            Window = (queuePairs == 1 ? RingSize : ManyPairGuest.RingSize) * 3 / 8,
            BufferBytes = VirtioUserOptions.BufferUnit - NetHeader.Size,
        };
        try
        {
            await Task.Run(roundTrip.Run);
        }
        catch (RigException e)
        {
            throw new RigException(e.Message, await vhostSwitch.StatusAsync());
        }
        status = await vhostSwitch.WaitForStatusAsync(status => status.PortAt(ours).FramesToGuest >= FrameCount, "all frames");
        Assert.Empty(status.Drops());
    }

    // Sends as fast as frames come back or are given up, until it is told to stop.
    private static void Send(OwnDriver end, Action back, CancellationToken stop)
    {
        RandomFrames frames = new(MacAddress.Parse(DpdkMac), MacAddress.Parse(OurMac), 1024, Seed, jumbo: false);
        byte[] buffer = new byte[ushort.MaxValue];
        for (int number = 0; !stop.IsCancellationRequested; number = (number + 1) % frames.Count)
        {
            end.TrySend(0, frames.Make(number, buffer), 1);
            while (end.TryReceive(0, buffer) >= 0)
                back();
            if (number % 32 == 0) end.Wait();
        }
    }

    private static SwitchOptions Options(string ours, string theirs, string arguments) =>
        new() { Sockets = [ours], Mergeable = true, Devices = [$"virtio_user0,path={theirs},{arguments}"] };

    private static string Arguments(bool server, bool packed, bool mergeable) =>
        $"queue_size={RingSize},server={(server ? 1 : 0)},packed_vq={(packed ? 1 : 0)},mrg_rxbuf={(mergeable ? 1 : 0)}";

    private static VirtioUserOptions OwnOptions(string path) => new() { Path = path, Mac = MacAddress.Parse(OurMac), QueueSize = RingSize };

    private static TestpmdOptions NetVhost(string path, bool client, int queuePairs) => new()
    {
        Ports = [new NetVhostPort(path) { Client = client, Queues = queuePairs }],
        ForwardMode = "macswap",
        Queues = queuePairs,
        Descriptors = RingSize,
        MoreOptions = ["--port-topology=loop", "--no-flush-rx"],
    };

    private static TestpmdOptions Guest(string path) => new()
    {
        Ports = [new DpdkGuest(path, DpdkMac)],
        ForwardMode = "macswap",
        Descriptors = RingSize,
        MoreOptions = ["--port-topology=loop", "--no-flush-rx", "--enable-scatter"],
    };
}
