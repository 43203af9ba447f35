using System.Text.Json;
using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using VhostSwitch.Ports.Tests.NetPcap;
using VhostSwitch.TestContent;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>This project's testpmd against DPDK's, the kernel and the switch: what one sends the other counts, to the frame.</summary>
public sealed class TestpmdProgramTests : InteropTest
{
    private const string OwnMac = "00:01:02:03:04:05";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OverAWireOneCountsWhatTheOtherSent(bool ownSends)
    {
        NetworkNamespace left = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        await left.ConnectAsync("v0", right, "v1");
        Testpmd own = await StartTestpmdAsync(new() { Own = true, Title = "testpmd", Namespace = left, Core = 0, ForwardMode = "rxonly",
            Ports = [new InterfacePort("net_af_packet", "v0")] });
        Testpmd dpdk = await StartTestpmdAsync(new() { Title = "dpdk", Namespace = right, ForwardMode = "rxonly",
            Ports = [new InterfacePort("net_af_packet", "v1")] });
        await ExchangeAsync(ownSends ? own : dpdk, ownSends ? dpdk : own);
    }

    /// <summary>Split and packed rings, by a socket that either side serves.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnDpdksVhostOurVirtioUserSendsAndReceives(bool packed)
    {
        string socket = Folder.File("s");
        Testpmd dpdk = await StartTestpmdAsync(new() { Title = "dpdk", ForwardMode = "rxonly", Ports = [new NetVhostPort(socket)] });
        await dpdk.StartForwardingAsync();
        OwnPort port = new("virtio_user", $",mac={OwnMac},path={socket},packed_vq={(packed ? 1 : 0)}");
        Testpmd own = await StartTestpmdAsync(new() { Own = true, Core = 0, ForwardMode = "rxonly", Ports = [port] });
        await WaitForLinkAsync(own);
        await dpdk.StopForwardingAsync();
        await ExchangeAsync(own, dpdk);
        await ExchangeAsync(dpdk, own);
    }

    [Fact]
    public async Task DpdksVirtioUserOnOurVhostSendsAndReceives()
    {
        string socket = Folder.File("s");
        Testpmd own = await StartTestpmdAsync(new() { Own = true, Core = 0, ForwardMode = "rxonly", Ports = [new NetVhostPort(socket)],
            MoreOptions = ["--disable-link-check"] });
        Testpmd dpdk = await StartTestpmdAsync(new() { Title = "dpdk", ForwardMode = "rxonly", Ports = [new VirtioUserPort(socket, OwnMac)] });
        await WaitForLinkAsync(own);
        await ExchangeAsync(dpdk, own);
        await ExchangeAsync(own, dpdk);
    }

    /// <summary>The documents' last example, on the switch that it is an example for: its prompt lines, and the line they promise.</summary>
    /// <param name="device">As the two editions write it.</param>
    [Theory]
    [InlineData("virtio_user")]
    [InlineData("virtio-user")]
    public async Task TheSwitchLearnsFromTheDocumentedLines(string device)
    {
        string socket = Folder.File("usvhost");
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = [socket] });
        await using ChildProcess testpmd = Start("-c", "0x3", "-n", "4", "--socket-mem", "1024", "--no-pci", "--no-huge",
            $"--file-prefix={device}-testpmd",
            $"--vdev={device}0,mac={OwnMac},path={socket}", "--", "-i", "--txqflags=0xf01", "--disable-hw-vlan");
        await testpmd.WaitForLineAsync(new Regex("^Done"), Limits.Step);
        testpmd.WriteLine("set fwd mac_retry");
        await testpmd.WaitForLineAsync(new Regex("Set mac packet forwarding mode with retry"), Limits.Step);
        testpmd.WriteLine("start tx_first");
        await vhostSwitch.WaitForLineAsync(new Regex($"MAC_ADDRESS {OwnMac} "), Limits.Step);
        testpmd.WriteLine("stop");
        await testpmd.WaitForLineAsync(new Regex(@"^  TX-packets: 32 +TX-dropped: 0 +TX-total: 32$"), Limits.Step);
        testpmd.WriteLine("quit");
        Assert.Equal(0, await testpmd.WaitForExitAsync(Limits.Step));
    }

    [Fact]
    public async Task IcmpEchoAnswersTheKernelsPings()
    {
        const int pings = 40;
        NetworkNamespace hub = await MakeNamespaceAsync(), place = await MakeNamespaceAsync();
        Station station = await Station.ByVethAsync(place, hub, "p0", "10.0.0.1");
        Testpmd own = await StartTestpmdAsync(new() { Own = true, Namespace = hub, ForwardMode = "icmpecho",
            Ports = [new InterfacePort("net_af_packet", "p0")] });
        await own.StartForwardingAsync();
        await station.WaitForPingAsync("10.0.0.2");
        Assert.Equal(pings, await station.PingAsync("10.0.0.77", pings));
        Assert.Equal(10, await station.PingAsync("10.0.0.77", 10, size: 1400));
        TestpmdCounters counters = Assert.Single(await own.ShowCountersAsync());
        Assert.InRange(counters.SentFrames, pings + 10, counters.ReceivedFrames);
        await own.QuitAsync();
    }

    /// <summary>Wrong checksums go in, and tcpdump finds none that is wrong in what comes out, whoever is asked to compute them.</summary>
    [Theory]
    [InlineData("sw", 5)]
    [InlineData("hw", 5)]
    [InlineData("tso", 9)]
    public async Task CsumMakesChecksumsThatTcpdumpFindsRight(string kind, int frames)
    {
        const int fileHeader = 24, recordHeader = 16, shortest = 60;
        NetworkNamespace place = await MakeNamespaceAsync();
        byte[][] wrong = [Frames.Tcp(1400), Frames.Udp(33), Frames.Tcp(21, ipv6: true), Frames.Udp(1000, ipv6: true), Frames.Tcp(1300)];
        foreach (byte[] frame in wrong)
            frame[Frames.ChecksumPlace(frame)] ^= 0xa5;
        string input = Folder.File("in.pcap"), output = Folder.File("out.pcap");
        await File.WriteAllBytesAsync(input, wrong.Aggregate(new CaptureBuilder().PcapHeader(), (file, frame) => file.PcapRecord(frame)).Bytes);
        Testpmd own = await StartTestpmdAsync(new()
        {
            Own = true, Namespace = place, ForwardMode = "csum",
            // A tap that takes nothing unfinished.
            Ports = [new OwnPort("net_pcap", $",rx_pcap={input}"), new OwnPort("net_tap", ",iface=t0,offload=0")],
        });
        await place.IpHereAsync("link set dev t0 up");
        if (kind == "hw") await own.CommandAsync("csum set tcp hw 1");
        if (kind == "hw") await own.CommandAsync("csum set udp hw 1");
        if (kind == "tso") await own.CommandAsync("tso set 500 1");
        await Tcpdump.CaptureAsync(place, "t0", output, fileHeader + (frames * (recordHeader + shortest)), async () =>
        {
            await own.StartForwardingAsync();
            await Until.TrueAsync(
                async () => (await own.ShowCountersAsync())[1].SentFrames == frames, Limits.Step, $"{frames} frames were sent", own.Transcript.ToString);
        });
        await own.QuitAsync();
        string text = await ChildProcess.RunAsync("tcpdump", "tcpdump", ["-nn", "-vv", "-r", output], Limits.Step);
        Assert.DoesNotContain("incorrect", text, StringComparison.Ordinal);
        Assert.DoesNotContain("bad", text, StringComparison.Ordinal);
        Assert.Equal(frames, Regex.Count(text, @"\(correct\)|udp sum ok"));
    }

    [Fact]
    public async Task WithoutAPromptItForwardsUntilEnterAndPrintsWhatItForwarded()
    {
        await using ChildProcess testpmd = Start("--vdev", "net_ring0,peer=net_ring1", "--vdev", "net_ring1,peer=net_ring0", "--", "--tx-first",
            "--json");
        await testpmd.WaitForLineAsync(new Regex("^Press enter to exit"), Limits.Step);
        testpmd.WriteLine("");
        Assert.Equal(0, await testpmd.WaitForExitAsync(Limits.Step));
        string line = testpmd.Transcript.Lines().Single(text => text.StartsWith("{\"streams\"", StringComparison.Ordinal));
        JsonElement total = JsonDocument.Parse(line).RootElement.GetProperty("total");
        Assert.Equal(total.GetProperty("rx_packets").GetInt64() + 64, total.GetProperty("tx_packets").GetInt64());
        Assert.Contains("Bye...", testpmd.Transcript.Lines());
    }

    [Fact]
    public async Task StatisticsComeByPeriodUntilASignal()
    {
        await using ChildProcess testpmd = Start("--vdev", "net_null0,no-rx=0", "--vdev", "net_null1", "--", "--stats-period", "1");
        await testpmd.WaitForLineAsync(new Regex(@"NIC statistics for port 1 "), Limits.Step);
        testpmd.Signal(ChildSignal.Interrupt);
        Assert.Equal(0, await testpmd.WaitForExitAsync(Limits.Step));
        Assert.Contains(testpmd.Transcript.Lines(), line => line.Contains("Accumulated forward statistics for all ports", StringComparison.Ordinal));
    }

    /// <summary>What fingers do at a prompt: the tabulator key, erasing, the line before, both ends of the line, words in the middle.</summary>
    [Fact]
    public async Task OnATerminalLinesAreEditedAndCompleted()
    {
        const string tab = "\t", erase = "\x7f", before = "\e[A", left = "\e[D", toBegin = "\x01", toEnd = "\x05", clear = "\x15";
        string command = $"{Repository.TestpmdProgram} -l 0,1 --no-huge --no-pci --vdev=net_ring0,loop=1 -- -i --total-num-mbufs=2048";
        await using ChildProcess terminal = ChildProcess.Start("testpmd", "script", ["--quiet", "--flush", "--return", "--command", command, "/dev/null"],
            Folder.Path, new Dictionary<string, string> { ["TERM"] = "xterm" });
        await terminal.WaitForLineAsync(new Regex("^Done"), Limits.Step);
        await TypeAsync($"sho{tab}port st{tab}all", "NIC statistics for port 0 ");
        await TypeAsync($"set fwd rxonlx{erase}y", "Set rxonly packet forwarding mode");
        await TypeAsync($"{before}{erase}{erase}{erase}{erase}{erase}{erase}mac", "Set mac packet forwarding mode");
        await TypeAsync($"fwd macswp{left}a{toBegin}set {toEnd}", "Set macswap packet forwarding mode");
        await TypeAsync($"frobnicate{clear}{before}{before}{before}{before}", "NIC statistics for port 0 ");
        // The end of the input, by its key.
        terminal.WriteLine("\x04");
        Assert.Equal(0, await terminal.WaitForExitAsync(Limits.Step));

        async Task TypeAsync(string keys, string answer)
        {
            int from = terminal.Transcript.Length;
            terminal.WriteLine(keys);
            await terminal.WaitForLineAsync(new Regex(answer), Limits.Step, from);
        }
    }

    [Theory]
    [InlineData("--frobnicate is not an application option", "--vdev", "net_null0", "--", "--frobnicate")]
    [InlineData("'nothing0' names no driver", "--vdev", "nothing0", "--", "-i")]
    [InlineData("there is no port to forward by", "--")]
    [InlineData("Invalid foo packet forwarding mode", "--vdev", "net_null0", "--", "--forward-mode=foo")]
    public async Task WhatCannotBeDoneIsASentenceAndExitCode1(string sentence, params string[] arguments)
    {
        await using ChildProcess testpmd = Start(arguments);
        Assert.Equal(1, await testpmd.WaitForExitAsync(Limits.Step));
        Assert.Contains(sentence, testpmd.Transcript.ToString(), StringComparison.Ordinal);
    }

    // Some bursts of txonly's frames, from one that does nothing else to one that receives only.
    private static async Task ExchangeAsync(Testpmd sender, Testpmd receiver)
    {
        const int bursts = 4, frames = 32 * bursts, length = 64;
        await receiver.StartForwardingAsync();
        // What either of them has seen before is no part of it.
        TestpmdCounters sentBefore = Assert.Single(await sender.ShowCountersAsync()),
            receivedBefore = Assert.Single(await receiver.ShowCountersAsync());
        await sender.CommandAsync($"start tx_first {bursts}");
        await Until.TrueAsync(
            async () => (await receiver.ShowCountersAsync())[0].ReceivedFrames - receivedBefore.ReceivedFrames >= frames, Limits.Step,
                $"{frames} frames arrived", receiver.Transcript.ToString);
        IReadOnlyList<string> sent = await sender.CommandAsync("stop"), received = await receiver.CommandAsync("stop");
        Assert.Contains(sent, line => Regex.IsMatch(line, $"^  TX-packets: {frames} +TX-dropped: 0 +TX-total: {frames}$"));
        Assert.Contains(received, line => Regex.IsMatch(line, $"^  RX-packets: {frames} +RX-dropped: 0 +RX-total: {frames}$"));
        TestpmdCounters sentAfter = Assert.Single(await sender.ShowCountersAsync()),
            receivedAfter = Assert.Single(await receiver.ShowCountersAsync());
        Assert.Equal((frames, frames * length), (sentAfter.SentFrames - sentBefore.SentFrames, sentAfter.SentBytes - sentBefore.SentBytes));
        Assert.Equal((frames, frames * length),
            (receivedAfter.ReceivedFrames - receivedBefore.ReceivedFrames, receivedAfter.ReceivedBytes - receivedBefore.ReceivedBytes));
    }

    private static Task WaitForLinkAsync(Testpmd own) => Until.TrueAsync(
        async () => (await own.CommandAsync("show port info 0")).Contains("Link status: up"), Limits.Step, "the port is up", own.Transcript.ToString);

    private ChildProcess Start(params string[] arguments) => ChildProcess.Start("testpmd", Repository.TestpmdProgram, arguments, Folder.Path);
}
