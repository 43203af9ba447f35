using System.Text.Json;
using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using VhostSwitch.Ports.Tests;
using VhostSwitch.Ports.Tests.NetPcap;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>Capture files in front of and behind the running switch; what it wrote is read by tcpdump as well.</summary>
public sealed partial class PcapPortTests : InteropTest
{
    private static readonly byte[][] Frames = TestFrames.Many(400);

    [Theory]
    [InlineData("pcap", "out.pcap")]
    [InlineData("pcap-swapped-ns", "out.pcapng")]
    [InlineData("pcapng", "out")]
    [InlineData("pcapng-swapped", "out.PCAPNG")]
    public async Task EveryFrameOfTheOneFileIsInTheOther(string format, string output)
    {
        SwitchProcess program = await StartAsync($"net_pcap0,rx_pcap={Input(format, Frames)}", $"net_pcap1,tx_pcap={Folder.File(output)}");
        await program.WaitForStatusAsync(s => Status(s, "net_pcap1") == $"up: 400 frames written to {Folder.File(output)}", "400 frames written");
        await program.WaitForStatusAsync(s => Status(s, "net_pcap0") == $"up: gave all 400 frames of {Folder.File("in.pcap")}", "400 frames given");
        await AssertIdleAsync(program);
        // Also before the switch has closed it.
        Assert.Equal(Frames, await Tcpdump.ReadAsync(Folder.File(output)));
        await program.StopAsync();
        Assert.Equal(Frames, await Tcpdump.ReadAsync(Folder.File(output)));
        Parsed read = Parsed.Read(File.ReadAllBytes(Folder.File(output)));
        Assert.Equal(Frames, read.Frames);
        Assert.Null(read.EndsEarlyAt);
        bool pcapng = File.ReadAllBytes(Folder.File(output))[0] == 0x0a;
        Assert.Equal(output.EndsWith(".pcapng", StringComparison.OrdinalIgnoreCase), pcapng);
    }

    [Fact]
    public async Task ARateIsSeenInTheTimestamps()
    {
        SwitchProcess program = await StartAsync($"net_pcap0,rx_pcap={Input("pcap", TestFrames.Many(500))},rate=1000",
            $"net_pcap1,tx_pcap={Folder.File("out")}");
        await program.WaitForStatusAsync(s => Status(s, "net_pcap1").StartsWith("up: 500 frames written", StringComparison.Ordinal),
            "500 frames written");
        await program.StopAsync();
        long[] times = [.. Parsed.Read(File.ReadAllBytes(Folder.File("out"))).Records.Select(r => r.TimestampNs)];
        Assert.Equal(500, times.Length);
        Assert.Equal(times.Order(), times);
        // Half a second, on a machine that may stop a thread for a while.
        Assert.InRange(times[^1] - times[0], 350_000_000, 3_000_000_000);
    }

    [Fact]
    public async Task ACaptureOfRealTrafficIsReplayedUnchangedWithItsTiming()
    {
        NetworkNamespace one = await MakeNamespaceAsync(), other = await MakeNamespaceAsync();
        await one.ConnectAsync("veth0", other, "veth1");
        await one.IpHereAsync("address add 10.0.0.1/24 dev veth0");
        await other.IpHereAsync("address add 10.0.0.2/24 dev veth1");
        string captured = Folder.File("real.pcap");
        // Who has the address, and three pings. What comes in only: a bridge that has seen the answers knows both ends behind one port.
        const int question = 42, ping = 14 + 20 + 8 + 1400;
        await Tcpdump.CaptureAsync(
            other, "veth1", captured, 24 + 16 + question + (3 * (16 + ping)),
            () => one.RunAsync("busybox", "ping", "-c", "3", "-s", "1400", "10.0.0.2"));
        byte[][] frames = await Tcpdump.ReadAsync(captured);
        Assert.Equal(3, frames.Count(f => f.Length == ping));
        SwitchProcess program = await StartAsync($"net_pcap0,rx_pcap={captured},rate=original", $"net_pcap1,tx_pcap={Folder.File("out.pcap")}");
        await program.WaitForStatusAsync(s => Status(s, "net_pcap1").StartsWith($"up: {frames.Length} frames written", StringComparison.Ordinal),
            "all frames written");
        await program.StopAsync();
        Assert.Equal(frames, await Tcpdump.ReadAsync(Folder.File("out.pcap")));
        // The pings were a second apart.
        Assert.InRange(Span(captured), 1_500_000_000, 10_000_000_000);
        Assert.InRange(Span(Folder.File("out.pcap")), Span(captured) - 200_000_000, Span(captured) + 2_000_000_000);

        static long Span(string file)
        {
            var records = Parsed.Read(File.ReadAllBytes(file)).Records;
            return records[^1].TimestampNs - records[0].TimestampNs;
        }
    }

    [Fact]
    public async Task ADiskThatIsFullStopsNobodyElse()
    {
        SwitchProcess program = await StartAsync(
            $"net_pcap0,rx_pcap={Input("pcap", Frames)}", "net_pcap1,tx_pcap=/dev/full", $"net_pcap2,tx_pcap={Folder.File("out.pcap")}");
        SwitchStatus status = await program.WaitForStatusAsync(s =>
            Status(s, "net_pcap2").StartsWith("up: 400 frames written", StringComparison.Ordinal), "400 frames written");
        Assert.StartsWith("cannot write, and drops what is sent here until it can: No space left on device", Status(status, "net_pcap1"),
            StringComparison.Ordinal);
        Assert.Equal(["net_pcap1 queue 0 interface_refused: 400"], status.Drops());
        await program.StopAsync();
        Assert.Equal(Frames, await Tcpdump.ReadAsync(Folder.File("out.pcap")));
    }

    [Fact]
    public async Task ADiskThatHasRoomAgainIsWrittenAgain()
    {
        SmallDisk disk = Own(await SmallDisk.MountAsync(Folder.File("disk"), kilobytes: 128), _ => []);
        string output = Path.Combine(disk.Path, "out.pcap");
        SwitchProcess program = await StartAsync($"net_pcap0,rx_pcap={Input("pcap", Frames)},rate=1000,infinite_rx=1", $"net_pcap1,tx_pcap={output}");
        await program.WaitForStatusAsync(s => Status(s, "net_pcap1").StartsWith("cannot write", StringComparison.Ordinal), "a full disk");
        await program.WaitForStatusAsync(s => s.Drops().Any(), "refused frames");
        // Whole records only, as long as it lasts.
        Parsed whenFull = Parsed.Read(File.ReadAllBytes(output));
        Assert.Null(whenFull.EndsEarlyAt);
        Assert.Equal(Endless().Take(whenFull.Frames.Length), whenFull.Frames);
        await disk.ResizeAsync(8192);
        await program.WaitForStatusAsync(s => Status(s, "net_pcap1").StartsWith("up:", StringComparison.Ordinal), "a file that is written again");
        int written = whenFull.Frames.Length;
        await program.WaitForLineAsync(WrittenAgain(), Limits.Step);
        await program.WaitForStatusAsync(_ => new FileInfo(output).Length > 400_000, "more frames");
        await program.StopAsync();
        byte[][] all = await Tcpdump.ReadAsync(output);
        Assert.True(all.Length > written);
        Assert.Equal(whenFull.Frames, all[..written]);
        // Frames are missing, none is changed: each is the next one of the file, or one further on.
        using IEnumerator<byte[]> sent = Endless().GetEnumerator();
        Assert.All(all, frame =>
        {
            for (int skipped = 0; skipped < 100_000 && sent.MoveNext(); skipped++)
            {
                if (sent.Current.AsSpan().SequenceEqual(frame)) return;
            }
            Assert.Fail("a frame that was not sent, or not then");
        });
    }

    [Fact]
    public async Task FramesPassARingUnchangedAndInOrder()
    {
        SwitchProcess program = await StartAsync($"net_pcap0,rx_pcap={Input("pcap", Frames)},tx_pcap={Folder.File("out.pcap")}", "net_ring0,loop=1");
        await program.WaitForStatusAsync(s =>
            Status(s, "net_pcap0").EndsWith($"400 frames written to {Folder.File("out.pcap")}", StringComparison.Ordinal), "400 frames back");
        SwitchStatus status = await program.StatusAsync();
        Assert.Empty(status.Drops());
        Assert.Equal("up: gives back what it takes", Status(status, "net_ring0"));
        Assert.All(status.Ports.First(p => p.Name == "net_ring0").Queues, queue => Assert.Equal(400, queue.Frames));
        await AssertIdleAsync(program);
        await program.StopAsync();
        Assert.Equal(Frames, await Tcpdump.ReadAsync(Folder.File("out.pcap")));
    }

    [Fact]
    public async Task APairOfRingsIsJoined()
    {
        SwitchProcess program = await StartAsync("net_ring0,peer=net_ring1", "net_ring1,peer=net_ring0", "net_ring2,peer=net_ring3");
        SwitchStatus status = await program.StatusAsync();
        Assert.Equal(
            ["up: joined with net_ring1", "up: joined with net_ring0", "waiting for its peer: add --vdev net_ring3,peer=net_ring2"],
            Enumerable.Range(0, 3).Select(i => Status(status, $"net_ring{i}")));
        await program.StopAsync();
    }

    [Fact]
    public async Task ABrokenFileEndsTheStartWithItsPlace()
    {
        string path = Folder.File("in.pcap");
        await File.WriteAllBytesAsync(path, new CaptureBuilder().PcapHeader().PcapRecord(Frames[0], captured: 1_000_000).Bytes);
        await using var process = ChildProcess.Start("vhost-switch", Repository.SwitchProgram,
            ["--vdev", $"net_pcap0,rx_pcap={path}", "--", "--socket-file", Folder.File("s")], Folder.Path);
        Assert.Equal(1, await process.WaitForExitAsync(Limits.Step));
        Assert.Contains($"{path} is broken at byte 24: a frame of 1000000 bytes; 262144 are the most", process.Transcript.ToString(),
            StringComparison.Ordinal);
        Assert.False(File.Exists(Folder.File("s")));
    }

    private static IEnumerable<byte[]> Endless()
    {
        while (true)
        {
            foreach (byte[] frame in Frames)
                yield return frame;
        }
    }

    private static string Status(SwitchStatus status, string port) => status.Ports.First(p => p.Name == port).Status;

    // A poll thread allocates nothing, and sleeps when there is nothing more to give. Its count is written when it goes to sleep.
    private static async Task AssertIdleAsync(SwitchProcess program)
    {
        await Until.TrueAsync(async () => (await ThreadAsync(program)).GetProperty("state").GetString() == "sleeping", Limits.Step,
            "a poll thread that sleeps");
        Assert.Equal(0, (await ThreadAsync(program)).GetProperty("allocated_bytes").GetInt64());
    }

    private static async Task<JsonElement> ThreadAsync(SwitchProcess program)
    {
        using JsonDocument status = await program.ShowAsync();
        return status.RootElement.GetProperty("poll_threads")[0].Clone();
    }

    private Task<SwitchProcess> StartAsync(params string[] devices) => StartSwitchAsync(new() { Sockets = [Folder.File("s")], Devices = devices });

    private string Input(string format, byte[][] frames)
    {
        var builder = new CaptureBuilder(bigEndian: format.Contains("swapped", StringComparison.Ordinal));
        bool pcapng = format.StartsWith("pcapng", StringComparison.Ordinal);
        if (pcapng) builder.Section().Interface();
        else builder.PcapHeader(format.EndsWith("ns", StringComparison.Ordinal) ? CaptureBuilder.Nanoseconds : CaptureBuilder.Microseconds);
        foreach (byte[] frame in frames)
            _ = pcapng ? builder.Packet(frame) : builder.PcapRecord(frame);
        File.WriteAllBytes(Folder.File("in.pcap"), builder.Bytes);
        return Folder.File("in.pcap");
    }

    [GeneratedRegex("net_pcap1: .*out.pcap is written again")]
    private static partial Regex WrittenAgain();
}
