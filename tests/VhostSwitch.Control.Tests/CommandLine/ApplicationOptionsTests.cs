using VhostSwitch.Control.CommandLine;
using VhostSwitch.Dataplane;
using VhostSwitch.Switching;

namespace VhostSwitch.Control.Tests.CommandLine;

public class ApplicationOptionsTests
{
    [Fact]
    public void HasItsDefaults()
    {
        var configuration = Line.Configuration("");
        Assert.Equal(["vhost-net"], configuration.SocketPaths);
        Assert.Equal(SwitchMode.Bridge, configuration.Mode);
        Assert.Equal(IdlePolicy.Adaptive, configuration.Idle);
        Assert.Equal(new RetryPolicy(4, 15), configuration.Retry);
        Assert.False(configuration.MergeableBuffers);
        Assert.False(configuration.ChecksumOffload);
        Assert.False(configuration.SegmentationOffload);
        Assert.Equal(0, configuration.StatisticsPeriodSeconds);
        Assert.Null(configuration.ControlSocket);
        Assert.Empty(Line.Notices(""));
    }

    [Fact]
    public void ServesEverySocketFile() => Assert.Equal(["/tmp/a", "b"], Line.Configuration("--socket-file /tmp/a --socket-file b").SocketPaths);

    [Fact]
    public void ServesTheBaseName() => Assert.Equal(["usvhost"], Line.Configuration("--dev-basename usvhost").SocketPaths);

    [Fact]
    public void RefusesBothNamesForTheSocket() => Assert.Contains("give one of them", Line.Error("--dev-basename a --socket-file b"));

    [Fact]
    public void ASocketNameMayBeginWithAtAndHoldEqualsAndColon() => Assert.Equal(["@a=b:c"], Line.Configuration("--socket-file=@a=b:c").SocketPaths);

    [Theory]
    [InlineData("--socket-file a --socket-file a", "a")]
    [InlineData("--socket-file a --socket-file ./a", "./a")]
    [InlineData("--socket-file /tmp/a --socket-file /tmp/x/../a", "/tmp/x/../a")]
    public void RefusesASocketGivenTwice(string options, string path) =>
        Assert.Equal($"--socket-file {path} is given twice: each socket needs a path of its own", Line.Error(options));

    [Fact]
    public void RefusesAControlSocketThatIsForGuestsAsWell() => Assert.StartsWith("--ctl-socket ./vhost-net", Line.Error("--ctl-socket ./vhost-net"));

    [Theory]
    [InlineData("--socket-file")]
    [InlineData("--dev-basename")]
    [InlineData("--ctl-socket")]
    public void TakesPathsOf107Bytes(string option)
    {
        string path = new('a', 107);
        var configuration = Line.Configuration($"{option} {path}");
        Assert.Equal(path, option == "--ctl-socket" ? configuration.ControlSocket : configuration.SocketPaths[0]);
    }

    [Theory]
    [InlineData("--socket-file", "--socket-file")]
    [InlineData("--dev-basename", "character device basename (Max 107 characters)")]
    [InlineData("--ctl-socket", "--ctl-socket")]
    public void RefusesPathsOf108Bytes(string option, string keyword)
    {
        // 36 characters of three bytes each.
        string path = new('€', 36);
        Assert.Equal($"Invalid argument for {keyword}: '{path}' was given, which has 108 bytes; 1 to 107 are allowed",
            Line.Error($"{option} {path}"));
    }

    [Fact]
    public void RefusesAnEmptyPath() => Assert.Throws<CommandLineException>(() => SwitchCommandLine.Parse(["--socket-file", ""], Line.FourCores));

    [Theory]
    [InlineData("--mode bridge", SwitchMode.Bridge)]
    [InlineData("--mode vmdq", SwitchMode.Vmdq)]
    public void ChoosesTheMode(string options, SwitchMode mode) => Assert.Equal(mode, Line.Configuration(options).Mode);

    [Theory]
    [InlineData("--poll adaptive", IdlePolicy.Adaptive)]
    [InlineData("--poll busy", IdlePolicy.Busy)]
    public void ChoosesThePollPolicy(string options, IdlePolicy policy) => Assert.Equal(policy, Line.Configuration(options).Idle);

    [Theory]
    [InlineData("--mode router", "Invalid argument for --mode: 'router' was given, bridge or vmdq is allowed")]
    [InlineData("--poll never", "Invalid argument for --poll: 'never' was given, adaptive or busy is allowed")]
    public void RefusesOtherWords(string options, string error) => Assert.Equal(error, Line.Error(options));

    [Theory]
    [InlineData("--mergeable 1")]
    [InlineData("--mergeable=1")]
    [InlineData("--mergeable 0 --mergeable 1")]
    public void OffersMergeableBuffers(string options) => Assert.True(Line.Configuration(options).MergeableBuffers);

    [Theory]
    [InlineData("--tx-csum 0 --tso 0", false, false)]
    [InlineData("--tx-csum 1", true, false)]
    [InlineData("--tx-csum 1 --tso 1", true, true)]
    public void OffersOffloads(string options, bool checksum, bool tso)
    {
        var run = Line.Run(options);
        Assert.Equal(checksum, run.Configuration.ChecksumOffload);
        Assert.Equal(tso, run.Configuration.SegmentationOffload);
        Assert.Empty(run.Notices);
    }

    [Theory]
    [InlineData("--tso 1")]
    [InlineData("--tx-csum 0 --tso 1")]
    public void SegmentationSwitchesChecksumsOnAndSaysSo(string options)
    {
        var run = Line.Run(options);
        Assert.True(run.Configuration.ChecksumOffload);
        Assert.Equal(["--tso 1 needs unfinished checksums: --tx-csum 1 is switched on as well"], run.Notices);
    }

    [Theory]
    [InlineData("--rx-retry 1", 4, 15)]
    [InlineData("--rx-retry 0", 0, 15)]
    [InlineData("--rx-retry 0 --rx-retry-num 9", 0, 15)]
    [InlineData("--rx-retry 1 --rx-retry-num 5", 5, 15)]
    [InlineData("--rx-retry 1 --rx-retry-delay 20", 4, 20)]
    [InlineData("--rx-retry-num 0 --rx-retry-delay 0", 0, 0)]
    [InlineData("--rx-retry-num 2147483647 --rx-retry-delay 2147483647", int.MaxValue, int.MaxValue)]
    public void PassesRetriesOn(string options, int tries, int delayUs) =>
        Assert.Equal(new RetryPolicy(tries, delayUs), Line.Configuration(options).Retry);

    [Theory]
    [InlineData("--stats 0", 0)]
    [InlineData("--stats 2", 2)]
    [InlineData("--stats 2147483647", int.MaxValue)]
    public void PrintsStatisticsEveryNSeconds(string options, int seconds) =>
        Assert.Equal(seconds, Line.Configuration(options).StatisticsPeriodSeconds);

    [Theory]
    [InlineData("--vm2vm", "vm2vm [0|1|2]", "3")]
    [InlineData("--mergeable", "mergeable [0|1]", "2")]
    [InlineData("--tx-csum", "tx-csum [0|1]", "2")]
    [InlineData("--tso", "tso [0|1]", "2")]
    [InlineData("--rx-retry", "rx-retry [0|1]", "2")]
    [InlineData("--vlan-strip", "vlan-strip [0|1]", "2")]
    [InlineData("--zero-copy", "zero-copy [0|1]", "2")]
    [InlineData("--rx-retry-num", "rx-retry-num [0-N]", "2147483648")]
    [InlineData("--rx-retry-delay", "rx-retry-delay [0-N]", "2147483648")]
    [InlineData("--stats", "stats [0..N]", "2147483648")]
    [InlineData("--dev-index", "character device index [0..N]", "2147483648")]
    [InlineData("--total-num-mbufs", "total-num-mbufs [0..N]", "2147483648")]
    public void RefusesWhatIsNoNumberInItsRange(string option, string keyword, string beyond)
    {
        foreach (string value in (string[])[beyond, "-1", "x", "1x", "0x1", "+1", "1.0", "99999999999999999999"])
            Assert.StartsWith($"Invalid argument for {keyword}: '{value}' was given, ", Line.Error($"{option} {value}"));
    }

    [Fact]
    public void SaysWhatIsAllowed()
    {
        Assert.Equal("Invalid argument for vm2vm [0|1|2]: '3' was given, 0, 1 or 2 is allowed", Line.Error("--vm2vm 3"));
        Assert.Equal("Invalid argument for mergeable [0|1]: '2' was given, 0 or 1 is allowed", Line.Error("--mergeable 2"));
        Assert.Equal(
            "Invalid argument for rx-retry-delay [0-N]: 'x' was given, a whole number from 0 to 2147483647 microseconds is allowed", Line.Error(
                "--rx-retry-delay x"));
    }

    [Theory]
    [InlineData("--vm2vm 1")]
    [InlineData("--vlan-strip 1")]
    [InlineData("--zero-copy 0")]
    public void TakesValuesThatMeanWhatItDoesAnyway(string option) => Assert.Empty(Line.Notices(option));

    [Theory]
    [InlineData("--zero-copy 1")]
    [InlineData("--dequeue-zero-copy")]
    [InlineData("--builtin-net-driver")]
    [InlineData("--dma-type ioat")]
    [InlineData("--dmas [txd0@0000:00:04.0,rxd0@0000:00:04.1]")]
    public void RefusesWhatIsNotBuiltWithASentence(string option) => Assert.StartsWith($"{option} is not built yet: ", Line.Error(option));

    [Theory]
    [InlineData("", false)]
    [InlineData("--client", true)]
    public void ConnectsToItsSocketsOrServesThem(string option, bool connects) =>
        Assert.Equal(connects, Line.Configuration($"{option} --socket-file /tmp/a").ConnectsToSockets);

    [Theory]
    [InlineData("0x1")]
    [InlineData("1")]
    [InlineData("0X1")]
    public void MakesATapWhereNoDeviceIsNamed(string mask)
    {
        var configuration = Line.Configuration($"-p {mask}");
        Assert.Equal("net_tap0", configuration.Uplink!.Name);
        Assert.Equal([configuration.Uplink], configuration.Devices);
        Assert.Equal(SwitchMode.Vmdq, configuration.Mode);
    }

    [Fact]
    public void ThePortMaskNamesOneOfTheDevices()
    {
        const string line = "--vdev net_null0 --vdev net_null1 --vdev net_null2 -- -p 0x2";
        var configuration = Line.Configuration(line);
        Assert.Equal("net_null1", configuration.Uplink!.Name);
        Assert.Equal([configuration.Uplink], configuration.Devices);
        Assert.Equal(["Skipping disabled port 0 (net_null0): -p 0x2 does not name it", "Skipping disabled port 2 (net_null2): -p 0x2 does not name it"], Line.Notices(line));
    }

    [Theory]
    [InlineData("--vdev net_null0 -- -p 0x2", "Specified port ID(1) exceeds max system port ID(0): '0x2' was given for -p, and -a and --vdev name 1 ports")]
    [InlineData("-p 8000000000000000", "Specified port ID(63) exceeds max system port ID(-1): '8000000000000000' was given for -p, and -a and --vdev name 0 ports")]
    [InlineData("--vdev net_null0 --vdev net_null1 -- --mode vmdq", "vmdq mode has one uplink, and net_null0, net_null1 were given: name one with -p, or use --mode bridge")]
    [InlineData("--mode bridge --vm2vm 0", "--vm2vm 0 concerns vmdq mode: add --mode vmdq, or leave it out")]
    [InlineData("--mode bridge --vlan-strip 0", "--vlan-strip 0 concerns vmdq mode: add --mode vmdq, or leave it out")]
    public void SaysWhatDoesNotFitTheUplink(string line, string error) => Assert.Equal(error, Line.Error(line));

    [Fact]
    public void OnABridgeEveryDeviceIsAPort()
    {
        var configuration = Line.Configuration("--vdev net_null0 --vdev net_null1");
        Assert.Equal(SwitchMode.Bridge, configuration.Mode);
        Assert.Equal(["net_null0", "net_null1"], configuration.Devices.Select(device => device.Name));
        Assert.Null(configuration.Uplink);
    }

    [Theory]
    [InlineData("-P", Vm2Vm.Software, true, true)]
    [InlineData("--vm2vm 0", Vm2Vm.Off, true, false)]
    [InlineData("--vm2vm 2 --vlan-strip 0", Vm2Vm.Hardware, false, false)]
    public void OptionsOfVmdqModeChooseIt(string line, Vm2Vm vm2vm, bool strips, bool promiscuous)
    {
        var configuration = Line.Configuration(line);
        Assert.Equal(SwitchMode.Vmdq, configuration.Mode);
        Assert.Equal(new VmdqOptions(vm2vm, strips, promiscuous), configuration.Vmdq);
    }

    [Fact]
    public void SaysWhoSwitchesInPlaceOfAnUplinksSwitch() =>
        Assert.Equal(
            ["--vm2vm 2: no uplink here has a switch of its own, so frames between guests are switched here as it would, with the receiver's tag"],
            Line.Notices("-p 0x1 --vm2vm 2"));

    [Fact]
    public void SaysThatWithoutAnUplinkNothingIsSwitched() =>
        Assert.Equal(["--vm2vm 0 sends every frame to the uplink, and there is none: name one with -p"], Line.Notices("--vm2vm 0"));

    [Theory]
    [InlineData("0")]
    [InlineData("0x0")]
    [InlineData("0x")]
    [InlineData("port")]
    [InlineData("10000000000000000")]
    public void RefusesWhatIsNoPortMask(string mask) => Assert.StartsWith($"Invalid portmask: '{mask}' was given, ", Line.Error($"-p {mask}"));

    [Fact]
    public void RefusesMoreThanOnePort() =>
        Assert.Equal("Current enabled port number is 2, but only 1 port can be enabled: '0x3' was given for -p", Line.Error("-p 0x3"));

    [Fact]
    public void SaysThatABridgeFloodsGroupsInAnyCase() =>
        Assert.Equal(["-P concerns vmdq mode and has no effect on a bridge, which floods group addresses in any case"], Line.Notices("--mode bridge -P"));

    [Theory]
    [InlineData("--dev-index 0")]
    [InlineData("--dev-basename usvhost --dev-index 1")]
    [InlineData("--dev-index 2147483647")]
    public void TakesADeviceIndexBesideASocket(string options) =>
        Assert.Equal(["--dev-index concerns character devices and has no effect on a socket"], Line.Notices(options));

    [Theory]
    [InlineData("--rx-desc-num", "0")]
    [InlineData("--rx-desc-num", "1")]
    [InlineData("--rx-desc-num", "32")]
    [InlineData("--rx-desc-num", "4096")]
    [InlineData("--tx-desc-num", "0")]
    [InlineData("--tx-desc-num", "64")]
    [InlineData("--tx-desc-num", "4096")]
    public void SaysThatDescriptorNumbersConcernZeroCopy(string option, string number) =>
        Assert.Equal([$"{option} concerns zero copy only and has no effect without it"], Line.Notices($"{option} {number}"));

    [Theory]
    [InlineData("rx-desc-num")]
    [InlineData("tx-desc-num")]
    public void RefusesDescriptorNumbersThatAreNoPowerOfTwoUpTo4096(string name)
    {
        foreach (string number in (string[])["3", "100", "4095", "4097", "8192", "-2", "x"])
        {
            Assert.Equal(
                $"Invalid argument for {name}[0-N],power of 2 required. '{number}' was given, a power of 2 up to 4096 is allowed", Line.Error(
                    $"--{name} {number}"));
        }
    }

    [Theory]
    [InlineData("0")]
    [InlineData("147456")]
    [InlineData("2147483647")]
    public void SaysThatThereIsNoBufferPool(string number) =>
        Assert.Equal(["--total-num-mbufs has no effect: frames are not kept in a buffer pool"], Line.Notices($"--total-num-mbufs {number}"));

    [Theory]
    [InlineData("--socket-file")]
    [InlineData("--dev-basename")]
    [InlineData("--dev-index")]
    [InlineData("-p")]
    [InlineData("--vm2vm")]
    [InlineData("--mergeable")]
    [InlineData("--tx-csum")]
    [InlineData("--tso")]
    [InlineData("--rx-retry")]
    [InlineData("--rx-retry-num")]
    [InlineData("--rx-retry-delay")]
    [InlineData("--stats")]
    [InlineData("--vlan-strip")]
    [InlineData("--zero-copy")]
    [InlineData("--rx-desc-num")]
    [InlineData("--tx-desc-num")]
    [InlineData("--total-num-mbufs")]
    [InlineData("--dma-type")]
    [InlineData("--dmas")]
    [InlineData("--mode")]
    [InlineData("--poll")]
    [InlineData("--ctl-socket")]
    public void AsksForAMissingValue(string option)
    {
        Assert.StartsWith($"{option} needs a value: {option} ", Line.Error(option));
        Assert.StartsWith($"{option} needs a value: {option} ", Line.Error($"{option} --client".Replace("--client", "-P")));
    }

    [Fact]
    public void FlagsTakeNoValue() => Assert.Equal("'true' belongs to no option", Line.Error("-- -P true"));
}
