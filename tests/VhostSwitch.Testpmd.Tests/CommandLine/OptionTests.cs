using System.Net;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Testpmd.CommandLine;
using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Tests.CommandLine;

public sealed class OptionTests
{
    private const string Ports = "--vdev net_null0 --vdev net_null1 --vdev net_null2";

    [Fact]
    public void DefaultsAreThoseOfTheDocuments()
    {
        var c = Parse(Ports);
        Assert.Equal((32, 1, 1, 1), (c.Burst, c.RxQueues, c.TxQueues, c.ForwardingCores));
        Assert.Equal(("io", false, PortTopology.Paired), (c.Mode.Name, c.Retries, c.Topology));
        Assert.Equal((false, false, 0), (c.Interactive, c.TransmitFirst, c.StatisticsPeriodSeconds));
        Assert.Equal([64], c.Generator.Segments);
        Assert.Equal((1, 1024), (c.Generator.TransmitFlows, c.Generator.GeneratedFlows));
        Assert.Equal((64, 1), (TestpmdConfiguration.DefaultRetry.Tries, TestpmdConfiguration.DefaultRetry.DelayUs));
        Assert.Equal(["net_null0", "net_null1", "net_null2"], c.Eal.Devices.Select(d => d.Name));
    }

    [Theory]
    [InlineData("-l 0-3", "1,2,3")]
    [InlineData("-c f", "1,2,3")]
    [InlineData("-l 0-3 --main-lcore 2", "0,1,3")]
    [InlineData("-l 2", "2")]
    [InlineData("--lcores 0@3,1@1", "3")]
    [InlineData("--lcores 0@1,1@1", "1")]
    [InlineData("", "1,2,3")]
    public void TheMainCoreIsForThePromptUnlessItIsTheOnlyOne(string cores, string forwarding) =>
        Assert.Equal(forwarding, string.Join(",", Parse($"{cores} {Ports}").Cores));

    [Fact]
    public void EveryOptionSaysWhatItSays()
    {
        var c = Parse($"{Ports} -- --nb-cores 2 --portlist 2,0 --burst 0 --forward-mode mac_retry --port-topology loop --txpkts 100,200 "
            + "--tx-ip 10.0.0.1,10.0.0.2 "
            + "--tx-udp 5 --txonly-multi-flow --txonly-flows 7 --flowgen-flows 9 --stats-period 3 --tx-first --no-flush-rx --json --enable-rx-cksum");
        Assert.Equal((2, 32, "mac", true, PortTopology.Loop), (c.ForwardingCores, c.Burst, c.Mode.Name, c.Retries, c.Topology));
        Assert.Equal([2, 0], c.Ports!);
        Assert.Equal([100, 200], c.Generator.Segments);
        Assert.Equal((IPAddress.Parse("10.0.0.1"), IPAddress.Parse("10.0.0.2"), (ushort)5, (ushort)5, 7, 9),
            (c.Generator.Source, c.Generator.Destination, c.Generator.SourcePort, c.Generator.DestinationPort, c.Generator.TransmitFlows,
                c.Generator.GeneratedFlows));
        Assert.Equal((3, true, false, true, 0xeUL), (c.StatisticsPeriodSeconds, c.TransmitFirst, c.FlushesInputs, c.Json, c.RxOffloads));
    }

    [Theory]
    [InlineData("--frobnicate", "--frobnicate is not an application option; the nearest is")]
    [InlineData("--nb-cores=9", "nb-cores should be >= 1 and <= 3: '9' was given")]
    [InlineData("--burst=513", "burst should be >= 0 and <= 512: '513' was given")]
    [InlineData("--forward-mode=foo", "Invalid foo packet forwarding mode; there are io|mac|macswap|flowgen|rxonly|txonly|csum|icmpecho|5tswap")]
    [InlineData("--forward-mode=noisy", "forward mode noisy is not built: ")]
    [InlineData("--port-topology=ring", "port-topology ring invalid - must be: paired, chained or loop")]
    [InlineData("--eth-peer=0", "--eth-peer 0: a port and an address are needed")]
    [InlineData("--eth-peer=0,1:2", "Invalid ethernet address: '1:2' was given")]
    [InlineData("--txpkts=20", "txpkts: a frame of 20 bytes was asked for, 42 to 65535 are allowed")]
    [InlineData("--txpkts=15,100", "length of a txpkts segment should be >= 16 and <= 2048: '15' was given")]
    [InlineData("--portmask=0x10", "port 4 was asked for, and --vdev and -a name 3 ports")]
    [InlineData("--coremask=1", "--coremask 1 should choose among the forwarding cores 1,2,3")]
    [InlineData("--tx-offloads=0x1000000", "Tx offloads 0x1000000 of 0x1000000 are not built: there are 0x2 ipv4_cksum")]
    [InlineData("-i --stats-period=1", "--stats-period is for use without a prompt")]
    [InlineData("-i --tx-first", "--tx-first is for use without a prompt")]
    [InlineData("--record-core-cycles", "--record-core-cycles is not built: ")]
    [InlineData("--noisy-lkup-memory=3", "--noisy-lkup-memory is not built: ")]
    [InlineData("--enable-hw-vlan-strip", "--enable-hw-vlan-strip is not built: ")]
    [InlineData("--vdev=net_null3", "--vdev is an EAL option: it goes before '--'")]
    public void WhatDoesNotFitIsASentence(string options, string sentence)
    {
        var e = Assert.ThrowsAny<Exception>(() => Parse($"{Ports} -- {options}"));
        Assert.True(e is CommandLineException or TestpmdException, e.ToString());
        Assert.StartsWith(sentence, e.Message, StringComparison.Ordinal);
    }

    /// <summary>As getopt_long has it: a long option may be cut short where only one begins so.</summary>
    [Fact]
    public void LongOptionsMayBeCutShort()
    {
        Assert.True(Parse($"{Ports} -- --inter").Interactive);
        Assert.Equal(7, Parse($"{Ports} -- --bur=7").Burst);
        Assert.Throws<CommandLineException>(() => Parse($"{Ports} -- --tx"));
    }

    [Fact]
    public void WhatHasNoEffectIsSaid()
    {
        var notices = new List<string>();
        TestpmdCommandLine.Parse([.. $"{Ports} -- --txqflags=0xf01 --no-mlockall --total-num-mbufs=4096 --rxd 512".Split(' ')], [0, 1], notices);
        Assert.Contains("accepted without effect: --no-mlockall, --txqflags, --total-num-mbufs", notices);
        Assert.Contains(notices, notice => notice.StartsWith("--rxd 512 is shown and has no effect", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-- -h")]
    public void HelpIsHelp(string line) => Assert.Null(TestpmdCommandLine.Parse(line.Split(' '), [0], []));

    [Fact]
    public void HelpNamesEveryModeAndEveryOption()
    {
        var text = new StringWriter();
        TestpmdHelp.Write(text);
        foreach (string name in new TestpmdOptions().Names.Concat(VhostSwitch.Testpmd.Modes.ForwardModes.All.Select(mode => mode.Name)))
            Assert.Contains(name, text.ToString(), StringComparison.Ordinal);
        Assert.All(text.ToString().Split('\n'), line => Assert.True(line.Length <= 150, line));
    }

    private static TestpmdConfiguration Parse(string line) =>
        TestpmdCommandLine.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), [0, 1, 2, 3], [])!;
}
