using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Testpmd.Tests.Prompt;

/// <summary>What is typed at the prompt, and what it answers.</summary>
public sealed class PromptTests
{
    private const string Rings = "--vdev net_ring0,peer=net_ring1 --vdev net_ring1,peer=net_ring0 -- -i";

    /// <summary>Every line that the documents show behind the prompt.</summary>
    [Theory]
    [InlineData("set fwd mac_retry", "Set mac packet forwarding mode with retry\n")]
    [InlineData("start tx_first", "mac packet forwarding with retry - ports=2 - cores=1 - streams=2\n", "set fwd mac_retry")]
    [InlineData("port stop 0", "Stopping ports...\nChecking link statuses...\nDone\n")]
    [InlineData("port config 0 rx_offload tcp_cksum on", "", "port stop 0")]
    [InlineData("port config 0 rx_offload udp_cksum on", "", "port stop 0")]
    [InlineData("port start 0", "Port 0: 02:70:6D:64:00:00\nChecking link statuses...\nDone\n", "port stop 0")]
    public void TheDocumentsLinesWork(string line, string answer, string? before = null)
    {
        using var rig = new SessionRig(Rings);
        if (before is not null) rig.Run(before);
        Assert.StartsWith(answer, rig.Run(line), StringComparison.Ordinal);
        Assert.DoesNotContain("Bad arguments", rig.Run("stop"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense", "Command not found: nonsense; type help\n")]
    [InlineData("show port", "Bad arguments: show port; there is\n  show port stats PORTS [--json]\n")]
    [InlineData("set fwd nonsense", "Invalid nonsense packet forwarding mode; there are io|")]
    [InlineData("set burst 600", "nb pkt per burst should be >= 1 and <= 512: '600' was given\n")]
    [InlineData("set burst 64", "Number of packets per burst set to 64\n")]
    [InlineData("set nbcore 3", "nb fwd cores should be >= 1 and <= 2: '3' was given\n")]
    [InlineData("stop", "Packet forwarding not started\n")]
    [InlineData("show port stats 7", "Invalid port 7: there are 0, 1\n")]
    [InlineData("port config 0 rx_offload tcp_cksum on", "Please stop port 0 first\n")]
    [InlineData("port config all rxq 2", "Please stop all ports first\n")]
    [InlineData("port config 0 rx_offload vlan_strip on", "Rx offload vlan_strip is not built: there are ipv4_cksum")]
    [InlineData("port close 1", "Closing ports...\nCannot close started device (port 1): port stop 1 first\nDone\n")]
    [InlineData("set verbose 1", "Change verbose level from 0 to 1\n")]
    [InlineData("set promisc all off", "Error during disabling promiscuous mode for port 0: ")]
    [InlineData("set promisc all on", "")]
    [InlineData("set txtimes 1,2", "set txtimes 1,2 is not built: ")]
    [InlineData("csum set tcp hw 0", "Parse tunnel is off\nIP checksum offload is sw\nUDP checksum offload is sw\nTCP checksum offload is hw\n")]
    [InlineData("csum set sctp hw 0", "sctp checksum offload is not supported by port 0")]
    [InlineData("tso set 800 0", "TSO segment size for non-tunneled packets is 800\n")]
    [InlineData("clear port stats all", "\n  NIC statistics for port 0 cleared\n\n  NIC statistics for port 1 cleared\n")]
    [InlineData("show config txpkts", "Number of segments: 1\nSegment sizes: 64\nSplit packet: off\n")]
    [InlineData("show config fwd",
        "io packet forwarding - ports=2 - cores=1 - streams=2\nLogical Core -1 (socket 0) forwards packets on 2 streams:\n  RX P=0/Q=0 (socket 0) "
            + "-> TX P=1/Q=0 (socket 0) peer=02:00:00:00:00:01\n")]
    [InlineData("show port xstats 0", "###### NIC extended statistics for port 0 \nrx_good_packets: 0\n")]
    [InlineData("load /nowhere", "/nowhere cannot be read: ")]
    [InlineData("# a remark", "")]
    [InlineData("", "")]
    public void AnswersAreDpdksWordsOrASentence(string line, string answer)
    {
        using var rig = new SessionRig(Rings);
        Assert.StartsWith(answer, rig.Run(line), StringComparison.Ordinal);
    }

    /// <summary>Frames go round between two joined ports, and every counter agrees to the frame.</summary>
    [Theory]
    [InlineData("io", 1)]
    [InlineData("mac", 1)]
    [InlineData("csum", 2)]
    [InlineData("5tswap", 2)]
    public void FramesGoRoundAndAreCounted(string mode, int cores)
    {
        using var rig = new SessionRig(Rings);
        rig.Run($"set fwd {mode}");
        rig.Run($"set nbcore {cores}");
        rig.Run("start tx_first 2");
        Until.True(() => rig.Session.Streams.All(stream => Volatile.Read(ref stream.Counters.Received) > 1000), "frames go round");
        var threads = rig.Session.Threads;
        string text = rig.Run("stop");
        Assert.Equal(cores, threads.Count);
        Assert.All(threads, thread => Assert.Equal(0, thread.AllocatedBytes));
        var counters = rig.Session.Ports.Values.Select(port => port.Count()).ToList();
        Assert.Equal(0UL, counters.Aggregate(0UL, (sum, c) => sum + c.RxErrors + c.TxErrors));
        foreach (var stream in rig.Session.Streams)
        {
            Assert.Equal(counters[stream.RxPort.Id].RxPackets, stream.Counters.Received);
            Assert.Equal(counters[stream.TxPort.Id].TxPackets, stream.Counters.Sent);
            // Two bursts of its own and what it received.
            Assert.Equal(stream.Counters.Received + 64, stream.Counters.Sent);
        }
        Assert.Contains($"  RX-packets: {counters[0].RxPackets,-14} RX-dropped: 0             RX-total: {counters[0].RxPackets}\n", text,
            StringComparison.Ordinal);
        Assert.EndsWith("\nDone.\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ARxonlyPortReceivesWhatATxonlyPortSent()
    {
        using var sender = new SessionRig("--vdev net_ring0,loop=1,size=128 -- -i");
        sender.Run("set fwd txonly");
        sender.Run("start");
        // Nobody takes: the ring fills up, and the rest is dropped and counted.
        Until.True(() => Volatile.Read(ref sender.Session.Streams[0].Counters.Dropped) > 0, "the ring is full");
        string text = sender.Run("stop");
        var stream = sender.Session.Streams[0];
        ulong sent = stream.Counters.Sent, dropped = stream.Counters.Dropped;
        Assert.Contains($"TX-packets: {sent,-14} TX-dropped: {dropped,-14}TX-total: {sent + dropped}\n", text, StringComparison.Ordinal);
        sender.Run("set fwd rxonly");
        sender.Run("set flush_rx off");
        sender.Run("start");
        Until.True(() => Volatile.Read(ref sender.Session.Streams[0].Counters.Received) == sent, "all frames were received");
        Assert.Contains($"RX-packets: {sent,-14} RX-dropped: 0             RX-total: {sent}\n", sender.Run("stop"), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatArrivedBeforeTheStartIsForgotten()
    {
        using var rig = new SessionRig("--vdev net_ring0,loop=1,size=128 -- -i");
        rig.Run("set fwd txonly");
        rig.Run("start tx_first");
        Until.True(() => Volatile.Read(ref rig.Session.Streams[0].Counters.Dropped) > 0, "the ring is full");
        rig.Run("stop");
        rig.Run("set fwd rxonly");
        rig.Run("start");
        Until.True(() => rig.Session.Threads[0].Passes > 100_000, "it forwards");
        Assert.Contains("RX-packets: 0 ", rig.Run("stop"), StringComparison.Ordinal);
    }

    [Fact]
    public void ClearedCountersAreThoseOfThePortAlone()
    {
        using var rig = new SessionRig(Rings);
        rig.Run("start tx_first");
        Until.True(() => rig.Session.Ports[0].Count().RxPackets > 1000, "frames go round");
        rig.Run("clear port stats all");
        string stopped = rig.Run("stop");
        ulong forwarded = rig.Session.Streams[0].Counters.Received;
        Assert.Contains($"RX-packets: {forwarded,-14} ", stopped, StringComparison.Ordinal);
        Assert.True(rig.Session.Ports[0].Count().RxPackets < forwarded);
        rig.Run("clear fwd stats all");
        Assert.Contains("RX-packets: 0 ", rig.Run("show fwd stats all"), StringComparison.Ordinal);
    }

    [Fact]
    public void PortsComeAndGoWhileItRuns()
    {
        using var rig = new SessionRig(Rings);
        Assert.Contains("Port 2 is attached. Now total ports is 3\n", rig.Run("port attach net_null0,size=100"), StringComparison.Ordinal);
        Assert.StartsWith("net_null0 is there already", rig.Run("port attach net_null0").Split('\n')[1], StringComparison.Ordinal);
        Assert.Contains("'nothing0' names no driver", rig.Run("port attach nothing0"), StringComparison.Ordinal);
        rig.Run("start");
        Assert.Contains("Please remove port 2 from forwarding configuration", rig.Run("port stop 2"), StringComparison.Ordinal);
        rig.Run("stop");
        rig.Run("port stop 2");
        Assert.Contains("Port 2 is closed\n", rig.Run("port detach 2"), StringComparison.Ordinal);
        Assert.StartsWith("Invalid port 2: there are 0, 1\n", rig.Run("show port info 2"), StringComparison.Ordinal);
    }

    [Fact]
    public void AStoppedPortIsNotForwardedBy()
    {
        using var rig = new SessionRig(Rings);
        rig.Run("port stop 1");
        Assert.Equal("Not all ports were started\n", rig.Run("start"));
    }

    /// <summary>Nobody is to send to a queue that is not looked at.</summary>
    [Fact]
    public void ADeviceHasTheQueuesThatAreUsed()
    {
        string folder = Directory.CreateTempSubdirectory("tp-").FullName;
        using (var rig = new SessionRig($"--vdev net_vhost0,iface={folder}/s,queues=4 -- -i"))
        {
            Assert.Equal("1", Queues(rig));
            Assert.Contains("Max possible RX queues: 4\n", rig.Run("show port info 0"), StringComparison.Ordinal);
            Assert.Equal("2", Queues(rig, asked: 2));
            Assert.Equal("4", Queues(rig, asked: 8));
        }
        Directory.Delete(folder);

        static string? Queues(SessionRig rig, int asked = 0)
        {
            if (asked > 0)
            {
                foreach (string line in (string[])["port stop all", $"port config all rxq {asked}", "port start all"])
                    rig.Run(line);
            }
            return rig.Session.Ports[0].Device.Vdev.Text("queues");
        }
    }

    [Fact]
    public void MoreQueuesThanADeviceHasAreRefused()
    {
        using var rig = new SessionRig(Rings + " --rxq=2 --txq=2");
        Assert.Equal("Fail: input rxq (2) can't be greater than max_rx_queues (1) of port 0\n", rig.Run("start"));
    }

    [Fact]
    public void QuitStopsAndClosesEverything()
    {
        using var rig = new SessionRig(Rings);
        rig.Run("start");
        string text = rig.Run("quit");
        Assert.True(rig.Session.HasQuit);
        Assert.Empty(rig.Session.Ports);
        Assert.Contains("Telling cores to stop...\n", text, StringComparison.Ordinal);
        Assert.EndsWith("\nShutting down port 1...\nClosing ports...\nPort 1 is closed\nDone\n\nBye...\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileOfCommandsIsCarriedOut()
    {
        string file = Path.GetTempFileName();
        File.WriteAllLines(file, ["set burst 7", $"load {file}"]);
        using var rig = new SessionRig(Rings);
        string text = rig.Run($"load {file}");
        Assert.Contains("does one load itself?", text, StringComparison.Ordinal);
        Assert.Equal(7, rig.Session.Settings.Burst);
        File.Delete(file);
    }

    [Fact]
    public void VerbosePrintsALineForEachFrame()
    {
        using var rig = new SessionRig(Rings);
        rig.Run("set verbose 1");
        rig.Run("set fwd rxonly");
        rig.Run("start tx_first");
        Until.True(() => rig.Session.Streams.All(s => Volatile.Read(ref s.Counters.Received) == 32), "all frames");
        string[] lines = [.. rig.Run("stop").Split('\n').Where(line => line.StartsWith("port ", StringComparison.Ordinal))];
        Assert.Equal(64, lines.Length);
        Assert.Contains("port 1/queue 0: src=02:70:6D:64:00:00 - dst=02:00:00:00:00:00 - type=0x0800 - length=64 - nb_segs=1", lines);
    }

    [Theory]
    [InlineData("s", "set show start stop")]
    [InlineData("show port s", "stats summary")]
    [InlineData("port config 0 ", "rx_offload tx_offload")]
    [InlineData("start ", "tx_first")]
    [InlineData("show fwd stats all ", "--json")]
    [InlineData("quit ", "")]
    public void TheTabulatorKnowsWhatMayComeNext(string line, string words)
    {
        using var rig = new SessionRig("--vdev net_null0");
        Assert.Equal(words, string.Join(' ', rig.Suggest(line)));
    }

    [Fact]
    public void HelpNamesEveryCommand()
    {
        using var rig = new SessionRig("--vdev net_null0");
        string text = rig.Run("help");
        Assert.All(rig.Commands, command => Assert.Contains(command.Pattern, text, StringComparison.Ordinal));
        Assert.DoesNotContain("csum show", rig.Run("help control"), StringComparison.Ordinal);
        Assert.StartsWith("there is no section x: control, display, config, ports, csum or all", rig.Run("help x"), StringComparison.Ordinal);
    }
}
