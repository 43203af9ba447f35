using System.Text.RegularExpressions;
using VhostSwitch.Interop.Content;
using VhostSwitch.Interop.Rig;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser;
using Xunit;
using DpdkPort = VhostSwitch.Interop.Rig.VirtioUserPort;

namespace VhostSwitch.Interop;

/// <summary>
/// A socket that is a port of its own (<c>--vdev net_vhost0</c>) with DPDK's driver on it, which sends back what it gets: our driver at a
/// <c>--socket-file</c> demands every byte, before and after the front-end was exchanged.
/// </summary>
public sealed class VhostPortTests : InteropTest
{
    private const string OurMac = "52:54:00:00:00:0a";
    private const string DpdkMac = "52:54:00:00:00:0b";
    private const string Device = "net_vhost0";
    private const int RingSize = 256;
    private const int Seed = 3;

    private static readonly int FrameCount = FullRun.Requested ? 200_000 : 10_000;

    [Fact]
    public Task OnABridgeItIsAPortLikeAnother() => ExchangeAsync(["--mode", "bridge"], mergeable: true, jumbo: true);

    /// <summary>What comes back is for our device only if it left with the device's tag, and came with it.</summary>
    [Fact]
    public Task InVmdqModeItIsTheUplink() => ExchangeAsync(["-p", "0x1"], mergeable: false, jumbo: false);

    [Fact]
    public async Task ASecondFrontEndIsRefusedAndTheFirstGoesOn()
    {
        string port = Folder.File("port"), other = Folder.File("other");
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = [other], Devices = [$"{Device},iface={port}"] });
        ScriptedGuestOptions options = new() { RingSize = 32 };
        using HonestGuest first = new(port, MacAddress.Parse(DpdkMac), options), neighbour = new(other, MacAddress.Parse(OurMac), options);
        using (FrontEndScript second = FrontEndScript.Connect(port))
            Assert.Throws<FrontEndScriptException>(() => second.Ask(FrontEndRequest.GetFeatures));
        await vhostSwitch.WaitForLineAsync(new Regex($"^{Device}: a second front-end was refused: the port has one at a time"), Limits.Step);
        using FrameExchange exchange = new(first, neighbour);
        exchange.WaitForRounds(20);
        Assert.Equal("up (2 of 2 rings)", (await vhostSwitch.StatusAsync()).PortAt(port).Status);
    }

    [Theory]
    [InlineData("", false, false)]
    [InlineData(",tso=1,iommu-support=1,queues=2", true, true)]
    public async Task TheArgumentsDecideWhatIsOffered(string arguments, bool tso, bool iommu)
    {
        string port = Folder.File("port");
        await StartSwitchAsync(new() { Sockets = [Folder.File("other")], Devices = [$"{Device},iface={port}{arguments}"] });
        using FrontEndScript script = FrontEndScript.Connect(port);
        var offered = (Features)script.Ask(FrontEndRequest.GetFeatures).Number;
        Assert.Equal(tso, offered.HasFlag(Features.HostTso4 | Features.GuestTso6));
        Assert.Equal(iommu, offered.HasFlag(Features.AccessPlatform));
        Assert.True(offered.HasFlag(Features.Csum | Features.MrgRxbuf));
        FrontEndHandshake.NegotiateProtocol(script, FrontEndHandshake.WantedProtocolFeatures);
        Assert.Equal(tso ? 2ul : 1ul, script.Ask(FrontEndRequest.GetQueueNum).Number);
    }

    private async Task ExchangeAsync(string[] options, bool mergeable, bool jumbo)
    {
        string ours = Folder.File("ours"), port = Folder.File("port");
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [ours], Mode = null, Mergeable = mergeable, Devices = [$"{Device},iface={port}"], MoreOptions = options,
        });
        Assert.Equal("waiting for a front-end", (await vhostSwitch.StatusAsync()).PortAt(port).Status);
        using OwnDriver end = new(new VirtioUserOptions { Path = ours, Mac = MacAddress.Parse(OurMac), QueueSize = RingSize, Features = OurFeatures(mergeable) });
        for (int frontEnd = 1; frontEnd <= 2; frontEnd++)
        {
            Testpmd dpdk = await StartTestpmdAsync(new()
            {
                Title = $"front-end {frontEnd}",
                Ports = [new DpdkPort(port, DpdkMac) { Packed = frontEnd == 2 }],
                ForwardMode = "macswap",
                MoreOptions = ["--port-topology=loop", "--no-flush-rx", "--enable-scatter"],
            });
            await vhostSwitch.WaitForStatusAsync(status => status.PortAt(port).IsUp && status.PortAt(ours).IsUp, "both ports up");
            await dpdk.StartForwardingAsync();
            RandomFrames frames = new(MacAddress.Parse(DpdkMac), MacAddress.Parse(OurMac), FrameCount, Seed + frontEnd, jumbo);
            await Task.Run(new RoundTrip(end, frames) { Window = RingSize / 4, BufferBytes = 1500 }.Run);
            SwitchStatus status = await vhostSwitch.StatusAsync();
            Assert.Empty(status.Drops());
            // Counted since the port was made, whoever was connected.
            SwitchStatus.Port there = status.PortAt(port);
            Assert.Equal((Device, frontEnd * FrameCount, frontEnd * FrameCount), (there.Name, (int)there.FramesToGuest, (int)there.FramesFromGuest));
            if (frontEnd == 1)
                await dpdk.KillAsync();
            else
                await dpdk.QuitAsync();
            await vhostSwitch.WaitForStatusAsync(
                left => left.PortAt(port) is { Status: "waiting for the next front-end: the last one has gone", FramesToGuest: var frames } && frames == frontEnd * FrameCount,
                "a port without a front-end");
        }
    }

    private static Features OurFeatures(bool mergeable) => Features.Version1 | (mergeable ? Features.MrgRxbuf : 0);
}
