using System.Security.Cryptography;
using System.Text.RegularExpressions;
using VhostSwitch.Interop.AfXdp;
using VhostSwitch.Interop.Content;
using VhostSwitch.Interop.Rig;
using VhostSwitch.Packets;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// The switch between two stations, each in a namespace of its own: a wire (a veth pair) leads from each to the switch's namespace, where the
/// switch has it by AF_XDP.
/// </summary>
public sealed class AfXdpPortTests : InteropTest
{
    private const string First = "net_af_xdp0", Second = "net_af_xdp1";
    private const string FirstMac = "02:00:00:00:00:01", SecondMac = "02:00:00:00:00:02";
    private const string FirstAddress = "10.1.0.1", SecondAddress = "10.1.0.2";
    private const int CannotStart = 1;
    private const int FileBytes = 20_000_000;
    private const int Seed = 7;
    private const ushort Vlan = 5;

    private static readonly int Pings = FullRun.Requested ? 50_000 : 5000;
    private static readonly int Frames = FullRun.Requested ? 200_000 : 20_000;
    private static readonly TimeSpan Transfer = TimeSpan.FromSeconds(120);

    private NetworkNamespace _switch = null!, _first = null!, _second = null!;

    public override async ValueTask InitializeAsync()
    {
        (_switch, _first, _second) = (await MakeNamespaceAsync(), await MakeNamespaceAsync(), await MakeNamespaceAsync());
        await ConnectAsync("left", _first, FirstAddress, FirstMac);
        await ConnectAsync("right", _second, SecondAddress, SecondMac);
        await KnowEachOtherAsync();
    }

    [Theory]
    [InlineData("", "copy mode (zero copy refused: Operation not supported)")]
    [InlineData(",force_copy=1", "copy mode")]
    [InlineData(",mode=native", "copy mode (zero copy refused: Operation not supported)")]
    [InlineData(",mode=skb", "generic mode, copy mode")]
    [InlineData(",busy_budget=64", "copy mode (zero copy refused: Operation not supported)")]
    public async Task TcpCarriesAFileUnchanged(string arguments, string way)
    {
        SwitchProcess vhostSwitch = await StartOnWiresAsync(arguments);
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.Equal($"up: left, 1 queue, {way}", PortOf(status, First).Status);
        Assert.Equal($"up: right, 1 queue, {way}", PortOf(status, Second).Status);
        Assert.Contains("xdp", await _switch.IpHereAsync("link show dev left"), StringComparison.Ordinal);

        string hash = await ServeFileAsync(_first);
        Assert.Equal(hash, await FetchAsync(_second, FirstAddress));

        status = await vhostSwitch.StatusAsync();
        WirePort first = status.Wire(First), second = status.Wire(Second);
        Assert.True(first.FromWire[0] > FileBytes / 1500, $"{first}");
        Assert.True(second.FromWire[0] > 0, $"{second}");
        Assert.Equal(0, status.AllocatedBytes().Sum());
        await vhostSwitch.StopAsync();
        Assert.DoesNotContain("xdp", await _switch.IpHereAsync("link show"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task FloodedPingsAreCountedToTheFrame()
    {
        SwitchProcess vhostSwitch = await StartOnWiresAsync();
        Assert.Contains($"{Pings} packets transmitted, {Pings} received, 0% packet loss",
            await PingAsync(_first, SecondAddress, "-f", "-c", $"{Pings}"), StringComparison.Ordinal);
        Assert.Contains($"{Pings} packets transmitted, {Pings} received, 0% packet loss",
            await PingAsync(_second, FirstAddress, "-f", "-c", $"{Pings}"), StringComparison.Ordinal);
        SwitchStatus status = await vhostSwitch.StatusAsync();
        foreach (string port in (string[])[First, Second])
        {
            WirePort counts = status.Wire(port);
            Assert.Equal([2L * Pings], counts.FromWire);
            Assert.Equal([2L * Pings], counts.ToWire);
            Assert.Empty(counts.Drops);
        }
        Assert.Equal(0, status.AllocatedBytes().Sum());
    }

    [Theory]
    [InlineData("", null)]
    [InlineData(",mode=skb", null)]
    [InlineData("", Vlan)]
    [InlineData(",mode=skb", Vlan)]
    public async Task EveryByteArrivesAndTagsWithThem(string arguments, ushort? vlan)
    {
        SwitchProcess vhostSwitch = await StartOnWiresAsync(arguments);
        using WireEnd first = new(_first, "e", vlan), second = new(_second, "e", vlan);
        RandomFrames there = new(MacAddress.Parse(SecondMac), MacAddress.Parse(FirstMac), Frames, Seed, jumbo: false);
        RandomFrames back = new(MacAddress.Parse(FirstMac), MacAddress.Parse(SecondMac), Frames, Seed + 1, jumbo: false);
        OneWay.Run(first, second, there);
        OneWay.Run(second, first, back);
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.Equal([Frames], status.Wire(First).FromWire);
        Assert.Equal([Frames], status.Wire(Second).FromWire);
        Assert.Equal([(FirstMac, vlan ?? 0), (SecondMac, vlan ?? 0)], status.Addresses.Select(a => (a.Mac, a.Vlan)).Order());
    }

    /// <summary>
    /// What the driver's README says of veth: a tag that the sender's kernel left to the wire is beside the frame, and XDP sees the frame only.
    /// </summary>
    [Theory]
    [InlineData("on", 0)]
    [InlineData("off", Vlan)]
    public async Task ATagLeftToTheWireIsSeenOnlyWithoutOffload(string offload, int seen)
    {
        // A bridge in front of the wire takes the tag off what it receives, and leaves putting it back to the wire.
        await _first.IpHereAsync("link add name inner type veth peer name outer");
        await _first.IpHereAsync("link add bridge type bridge");
        await _first.IpHereAsync("addr flush dev e");
        foreach (string name in (string[])["inner", "e"])
            await _first.IpHereAsync($"link set {name} master bridge");
        foreach (string name in (string[])["inner", "outer", "bridge"])
            await _first.IpHereAsync($"link set {name} up");
        await _first.RunAsync("ethtool", "-K", "e", "txvlan", offload);
        SwitchProcess vhostSwitch = await StartOnWiresAsync();
        using WireEnd sender = new(_first, "outer", Vlan), receiver = new(_second, "e", seen == 0 ? null : Vlan);
        const string mac = "02:00:00:00:00:77";
        RandomFrames frames = new(MacAddress.Parse(SecondMac), MacAddress.Parse(mac), 100, Seed, jumbo: false);
        // A bridge's port forwards only once its interface has told that it has a carrier.
        await Until.TrueAsync(
            async () => (await _first.IpHereAsync("-d link show")).Split("state forwarding").Length == 3, Limits.Step,
                "both ports of the bridge forward");
        OneWay.Run(sender, receiver, frames);
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.Contains((mac, seen), status.Addresses.Select(a => (a.Mac, a.Vlan)));
    }

    [Fact]
    public async Task SeveralQueuesShareTheTraffic()
    {
        await _switch.IpHereAsync("link delete left");
        await ConnectAsync("left", _first, FirstAddress, FirstMac, queues: 2);
        await KnowEachOtherAsync();
        SwitchProcess vhostSwitch = await StartOnWiresAsync(",queue_count=2", "");
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.StartsWith("up: left, 2 queues, ", PortOf(status, First).Status, StringComparison.Ordinal);
        string hash = await ServeFileAsync(_first);
        // Flows are spread over the queues by a hash: sixteen on one of two is less likely than any failure of the machine.
        string[] hashes = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => FetchAsync(_second, FirstAddress)));
        Assert.All(hashes, arrived => Assert.Equal(hash, arrived));
        WirePort counts = (await vhostSwitch.StatusAsync()).Wire(First);
        Assert.Equal(2, counts.FromWire.Count);
        Assert.All(counts.FromWire, frames => Assert.True(frames > 0, $"{counts}"));
        Assert.Equal(0, (await vhostSwitch.StatusAsync()).AllocatedBytes().Sum());
    }

    /// <summary>As uplink of vmdq mode it asks whether the interface sorts frames by pool. A veth pair does not, and the switch says so.</summary>
    [Fact]
    public async Task AnInterfaceThatCannotSortLeavesItToTheSwitch()
    {
        await _switch.IpHereAsync("link delete left");
        await ConnectAsync("left", _first, FirstAddress, FirstMac, queues: 2);
        SwitchProcess vhostSwitch = await StartSwitchAsync(
            new() { Sockets = [Folder.File("s")], Mode = null, Namespace = _switch, Devices = [$"{First},iface=left,queue_count=2"], MoreOptions = ["-p", "0x1"] });
        const string reason = "software (left cannot sort frames into queues; try ethtool -K left ntuple on)";
        Assert.Equal(reason, (await vhostSwitch.StatusAsync()).Steering);
        await vhostSwitch.WaitForLineAsync(new Regex($"^{First}: steering: {Regex.Escape(reason)}$"), Limits.Step);
    }

    [Fact]
    public async Task TheStatusSaysThatQueuesAreLeftOut()
    {
        await _switch.IpHereAsync("link delete left");
        await ConnectAsync("left", _first, FirstAddress, FirstMac, queues: 2);
        SwitchProcess vhostSwitch = await StartOnWiresAsync();
        Assert.StartsWith("up: left, 1 of its 2 queues (frames that arrive at others stay with the kernel: queue_count=2 takes all)",
            PortOf(await vhostSwitch.StatusAsync(), First).Status, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",mode=skb")]
    public async Task AnInterfaceComesBackAfterItWasDownOrGone(string arguments)
    {
        SwitchProcess vhostSwitch = await StartOnWiresAsync(arguments);
        // Traffic all the time, whether it arrives or not.
        await using ChildProcess traffic = _second.Start("traffic", "ping", ["-q", "-i", "0.01", FirstAddress]);
        await vhostSwitch.WaitForStatusAsync(s => s.Wire(First).FromWire[0] > 10, "traffic");

        await _switch.IpHereAsync("link set left down");
        await WaitForFirstAsync(vhostSwitch, "down: left is down; ip link set left up");
        await vhostSwitch.WaitForStatusAsync(s => InterfaceDown(s) > 0, "drops for an interface that is down");
        await _switch.IpHereAsync("link set left up");
        await WaitForFirstAsync(vhostSwitch, "up: left, 1 queue, ");
        await PassesAsync();

        await _first.IpHereAsync("link set e down");
        long before = InterfaceDown(await WaitForFirstAsync(vhostSwitch, "down: left has no carrier"));
        await vhostSwitch.WaitForStatusAsync(s => InterfaceDown(s) > before, "drops for an interface without carrier");
        await _first.IpHereAsync("link set e up");
        await WaitForFirstAsync(vhostSwitch, "up: left, 1 queue, ");
        await KnowEachOtherAsync();
        await PassesAsync();

        await _switch.IpHereAsync("link delete left");
        await WaitForFirstAsync(vhostSwitch, "waiting: there is no interface left any more; the port goes on when it is back");
        await ConnectAsync("left", _first, FirstAddress, FirstMac);
        await KnowEachOtherAsync();
        await WaitForFirstAsync(vhostSwitch, "up: left, 1 queue, ");
        await PassesAsync();

        // Another interface of the same name, so soon that the switch need not have seen that there was none.
        await _switch.IpHereAsync("link delete left");
        await ConnectAsync("left", _first, FirstAddress, FirstMac);
        await KnowEachOtherAsync();
        await PassesAsync();

        Assert.Equal(0, (await vhostSwitch.StatusAsync()).AllocatedBytes().Sum());
        await vhostSwitch.StopAsync();
        Assert.DoesNotContain("xdp", await _switch.IpHereAsync("link show"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ChangesOfTheMtuAreFollowedUnderTraffic()
    {
        const int mtu = 3000, payload = 2800;
        SwitchProcess vhostSwitch = await StartOnWiresAsync();
        await using ChildProcess traffic = _second.Start("traffic", "ping", ["-q", "-i", "0.01", FirstAddress]);
        foreach (NetworkNamespace station in (NetworkNamespace[])[_first, _second])
            await station.IpHereAsync($"link set e mtu {mtu}");
        await _switch.IpHereAsync($"link set left mtu {mtu}");
        // The wire behind the switch is narrow still: what is too long for it is counted.
        await _first.Start("ping", "ping", ["-c", "3", "-i", "0.2", "-W", "1", "-M", "do", "-s", $"{payload}", SecondAddress])
            .WaitForExitAsync(Limits.Step);
        await vhostSwitch.WaitForStatusAsync(s => s.Wire(Second).Drops.Contains("to-wire 0 exceeds_mtu: 3"),
            "drops of frames that are too long");

        await _switch.IpHereAsync($"link set right mtu {mtu}");
        await Until.TrueAsync(
            async () => await _first.Start("ping", "ping", ["-c", "3", "-i", "0.2", "-W", "1", "-M", "do", "-s", $"{payload}", SecondAddress])
                .WaitForExitAsync(Limits.Step) == 0,
            Limits.Step, "long frames pass");
        await _switch.IpHereAsync("link set right mtu 1500");
        await PassesAsync();
        Assert.Equal(0, (await vhostSwitch.StatusAsync()).AllocatedBytes().Sum());
    }

    [Fact]
    public async Task AKilledSwitchIsStartedAgainFiveTimesUnderTraffic()
    {
        SwitchOptions options = Options("", "");
        SwitchProcess vhostSwitch = await StartSwitchAsync(options);
        string hash = await ServeFileAsync(_first);
        string enough = Folder.File("enough"), hashes = Folder.File("hashes");
        string fetch = $"busybox wget -q -O - http://{FirstAddress}/file | sha256sum";
        await using ChildProcess traffic = _second.Start("traffic", "sh", ["-c", $"while [ ! -e {enough} ]; do {fetch}; done >{hashes}"]);
        for (int kill = 0; kill <= 5; kill++)
        {
            if (kill > 0)
            {
                await vhostSwitch.KillAsync();
                Assert.DoesNotContain("xdp", await _switch.IpHereAsync("link show"), StringComparison.Ordinal);
                vhostSwitch = await StartSwitchAgainAsync(options);
            }
            await vhostSwitch.WaitForStatusAsync(s => s.Wire(First).FromWire[0] > 2000 && s.Wire(Second).FromWire[0] > 200,
                $"traffic after {kill} kills", Limits.GuestCommand);
        }
        await File.WriteAllTextAsync(enough, "");
        Assert.Equal(0, await traffic.WaitForExitAsync(Transfer));
        string[] arrived = [.. (await File.ReadAllLinesAsync(hashes)).Select(line => line.Split(' ')[0])];
        Assert.NotEmpty(arrived);
        Assert.All(arrived, h => Assert.Equal(hash, h));
        await PassesAsync();
        await vhostSwitch.StopAsync();
    }

    /// <summary>DPDK's own drivers at the other end of the wire, AF_XDP on both of its ends among them.</summary>
    [Theory]
    [InlineData("net_af_packet")]
    [InlineData("net_af_xdp")]
    public async Task CountersAgreeWithThoseOfDpdkBehindTheWire(string driver)
    {
        await _second.IpHereAsync("addr flush dev e");
        SwitchProcess vhostSwitch = await StartOnWiresAsync();
        Testpmd dpdk = await StartTestpmdAsync(new()
        {
            Namespace = _second,
            Ports = [new InterfacePort(driver, "e")],
            ForwardMode = "macswap",
            MoreOptions = ["--port-topology=loop", "--no-flush-rx"],
        });
        await dpdk.StartForwardingAsync();
        using WireEnd end = new(_first, "e");
        RandomFrames frames = new(MacAddress.Parse(SecondMac), MacAddress.Parse(FirstMac), Frames, Seed, jumbo: false);
        new RoundTrip(end, frames) { Window = 64, BufferBytes = 2048 }.Run();
        // Its driver counts a burst only when it has been sent, and may be interrupted between the two.
        TestpmdCounters theirs = null!;
        await Until.TrueAsync(
            async () => (theirs = (await dpdk.ShowCountersAsync()).Single()).SentFrames >= Frames, Limits.Step, "testpmd has counted what it sent");
        WirePort ours = (await vhostSwitch.StatusAsync()).Wire(Second);
        Assert.Equal([theirs.ReceivedFrames], ours.ToWire);
        Assert.Equal([theirs.SentFrames], ours.FromWire);
        Assert.Equal(Frames, theirs.ReceivedFrames);
        Assert.Equal(0, theirs.SentErrors);
        Assert.Empty(ours.Drops);
        await dpdk.QuitAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData(",mode=skb")]
    public async Task WhatArrivesTooFastIsCountedToTheFrame(string arguments)
    {
        // More than the switch has places for, while it stands still.
        const int sent = 6000;
        SwitchProcess vhostSwitch = await StartOnWiresAsync(arguments);
        using WireEnd end = new(_first, "e");
        RandomFrames frames = new(MacAddress.Parse(SecondMac), MacAddress.Parse(FirstMac), sent, Seed, jumbo: false);
        byte[] frame = new byte[ushort.MaxValue];
        await vhostSwitch.SuspendAsync();
        for (int i = 0; i < sent; i++)
            await Until.TrueAsync(() => end.TrySend(0, frames.Make(i, frame), 1), Limits.Step, "a frame is sent");
        vhostSwitch.Resume();
        SwitchStatus status = await vhostSwitch.WaitForStatusAsync(s => s.Wire(First) is { Drops: [var drop] } counts
            && counts.FromWire[0] > 0 && drop == $"from-wire 0 interface_overrun: {sent - counts.FromWire[0]}",
                "frames and overruns that make up what was sent");
        Assert.True(status.Wire(First).FromWire[0] >= 2048, $"{status.Wire(First)}");
    }

    [Fact]
    public async Task APortWaitsForAnotherProgramToGo()
    {
        SwitchProcess before = await StartOnWiresAsync();
        string other = Folder.File("other");
        await using SwitchProcess after = SwitchProcess.StartWith(Folder,
            ["-l", "0", "--vdev", $"{First},iface=left", "--", "--socket-file", other, "--ctl-socket", Folder.File("ctl2")], [other],
                Folder.File("ctl2"), _switch);
        await after.WaitUntilServingAsync();
        await WaitForFirstAsync(after, "waiting: attaching an XDP program");
        Assert.Contains("ip link set dev left xdp off", PortOf(await after.StatusAsync(), First).Status, StringComparison.Ordinal);
        await before.StopAsync();
        await WaitForFirstAsync(after, "up: left, 1 queue, ");
        await after.StopAsync();
    }

    [Fact]
    public async Task AnInterfaceByNameOfTheShortOptionIsAPort()
    {
        SwitchOptions options = Options("", "") with { Devices = [], MoreEalOptions = ["-a", "left", "--allow", "right,force_copy=1"] };
        SwitchProcess vhostSwitch = await StartSwitchAsync(options);
        Assert.Equal("up: right, 1 queue, copy mode", PortOf(await vhostSwitch.StatusAsync(), Second).Status);
        await PassesAsync();
        await vhostSwitch.StopAsync();
    }

    [Theory]
    [InlineData("iface=nothere", "net_af_xdp0: there is no interface nothere; there are left, lo, right")]
    [InlineData("iface=left,queue_count=2", "net_af_xdp0: left has 1 of the 2 queues that start_queue=0 and queue_count=2 need; it cannot have more")]
    [InlineData("iface=lo,mode=native", "net_af_xdp0: attaching an XDP program (native): ")]
    public Task WhatCannotBeIsSaid(string arguments, string sentence) => ExpectAsync(sentence, [], arguments);

    [Fact]
    public Task TheMissingRightIsNamed() => ExpectAsync("AF_XDP needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF",
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"], "iface=left");

    [Theory]
    [InlineData("libxdp.so.1")]
    [InlineData("libbpf.so.1")]
    public Task TheMissingLibraryIsNamedWithItsPackage(string library)
    {
        // Mounts of a namespace's program are its own: nobody else misses the library.
        string hide = $"for f in $(ldconfig -p | sed -n 's/.*{library} .* => //p'); do mount --bind /dev/null $f || exit 99; done; exec \"$@\"";
        return ExpectAsync($"{library} cannot be loaded; install libxdp1 (Debian, Ubuntu) or libxdp (Fedora)", ["sh", "-c", hide, "sh"],
            "iface=left");
    }

    private static SwitchStatus.Port PortOf(SwitchStatus status, string name) => status.Ports.Single(port => port.Name == name);

    private static long InterfaceDown(SwitchStatus status) =>
        PortOf(status, First).Queues.Sum(queue => queue.Drops.GetValueOrDefault("interface_down"));

    private static Task<SwitchStatus> WaitForFirstAsync(SwitchProcess vhostSwitch, string status) =>
        vhostSwitch.WaitForStatusAsync(s => PortOf(s, First).Status.StartsWith(status, StringComparison.Ordinal), status);

    private SwitchOptions Options(string first, string second) => new()
    {
        Sockets = [Folder.File("s")],
        Namespace = _switch,
        Devices = [$"{First},iface=left{first}", $"{Second},iface=right{second}"],
    };

    private Task<SwitchProcess> StartOnWiresAsync(string arguments = "") => StartOnWiresAsync(arguments, arguments);

    private Task<SwitchProcess> StartOnWiresAsync(string first, string second) => StartSwitchAsync(Options(first, second));

    private async Task ConnectAsync(string name, NetworkNamespace station, string address, string mac, int queues = 1)
    {
        string many = $"numrxqueues {queues} numtxqueues {queues}";
        await _switch.IpHereAsync($"link add name {name} {many} type veth peer name e netns {station.Name} {many}");
        await station.IpHereAsync($"link set e address {mac}");
        await _switch.IpHereAsync($"link set {name} up");
        await station.IpHereAsync("link set e up");
        await station.IpHereAsync($"addr add {address}/24 dev e");
        // AF_XDP has no place for a checksum that is left to do.
        await station.RunAsync("ethtool", "-K", "e", "tx", "off");
    }

    /// <summary>Nobody asks for addresses: what is counted is what the tests send.</summary>
    private async Task KnowEachOtherAsync()
    {
        await _first.IpHereAsync($"neigh replace {SecondAddress} lladdr {SecondMac} nud permanent dev e");
        await _second.IpHereAsync($"neigh replace {FirstAddress} lladdr {FirstMac} nud permanent dev e");
    }

    private static Task<string> PingAsync(NetworkNamespace from, string to, params string[] options) => from.RunAsync("ping", ["-q", .. options, to]);

    private async Task PassesAsync()
    {
        await Until.TrueAsync(
            async () => await _first.Start("ping", "ping", ["-q", "-c", "1", "-W", "1", SecondAddress]).WaitForExitAsync(Limits.Step) == 0,
                Limits.Step, "a ping is answered");
        Assert.Contains(" 0% packet loss", await PingAsync(_first, SecondAddress, "-i", "0.01", "-c", "50"), StringComparison.Ordinal);
    }

    private async Task<string> ServeFileAsync(NetworkNamespace server)
    {
        byte[] content = new byte[FileBytes];
        new Random(Seed).NextBytes(content);
        string folder = Directory.CreateDirectory(Folder.File("www")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(folder, "file"), content);
        Own(server.Start("server", "busybox", ["httpd", "-f", "-p", "80", "-h", folder]), p => [p.Transcript]);
        await Until.TrueAsync(
            async () => await server.Start("look", "busybox", ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1/file"])
                .WaitForExitAsync(Limits.Step) == 0, Limits.Step, "the server listens");
        return Convert.ToHexStringLower(SHA256.HashData(content));
    }

    private async Task<string> FetchAsync(NetworkNamespace client, string server)
    {
        await using ChildProcess fetch = client.Start("client", "sh", ["-c", $"busybox wget -q -O - http://{server}/file | sha256sum"]);
        Assert.Equal(0, await fetch.WaitForExitAsync(Transfer));
        return fetch.Transcript.Lines().Single().Split(' ')[0];
    }

    private async Task ExpectAsync(string sentence, string[] through, string arguments)
    {
        string socket = Folder.File("s");
        File.SetUnixFileMode(Folder.Path, (UnixFileMode)0b111_111_111);
        string[] command = [.. through, Repository.SwitchProgram, "-l", "0", "--vdev", $"{First},{arguments}", "--", "--socket-file", socket,
            "--ctl-socket", Folder.File("ctl")];
        await using ChildProcess process = _switch.Start("vhost-switch", command[0], command[1..], Folder.Path);
        int exitCode = await process.WaitForExitAsync(Limits.Step);
        Assert.Contains(sentence, process.Transcript.ToString(), StringComparison.Ordinal);
        Assert.Equal(CannotStart, exitCode);
        Assert.False(File.Exists(socket));
    }
}
