using Spectre.Console;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Show;

namespace VhostSwitch.Control.Tests.Show;

public class SnapshotViewTests
{
    [Fact]
    public void ReadsLikeThis() => Assert.Equal(
        """
        vhost-switch 0.1.0, mode vmdq
        steering: hardware (eth1 sorts for 1 of 1 pools into 2 queues)

        Bridges
        Bridge Port Number Type          Note
        br0    -    -      -             mirrors: no effect
        br0    vm0  1      dpdkvhostuser -
        br0    vm9  -      tap           not built

        Ports
        Port Driver    Device Status                  Drops Endpoint
        vm0  net_vhost 0      up (queues 2 of 2)      5     /tmp/[red]vm0
        vm1  net_vhost -      waiting for a front-end 0     /tmp/vm1

        Queues
        Port Queue Direction  Enabled Size Thread Frames               Bytes Notifications Drops
        vm0  0     to guest   yes     256  -      10                   640   3             receiver_full=4
        vm0  1     from guest no      1024 0      18446744073709551615 7     0             runt=1

        Features
        Port Features            Vhost-user
        vm0  VERSION_1 MRG_RXBUF MQ

        MAC table
        MAC               VLAN Port Age (s)
        00:01:02:03:04:05 1000 vm0  -
        00:01:02:03:04:06 0    vm0  12

        Poll threads
        Thread Core State    Queues Frames Busy   Frames/s ns/frame Cycles/frame Burst Collections Allocated bytes
        0      1    polling  1      99     12.5 % 1250000  100      260.5        31.9  0           0
        1      any  sleeping 0      0      0.0 %  0        -        -            -     0           0

        """,
        SnapshotView.PlainText(Sample.Snapshot));

    [Fact]
    public void APlainRowIsOneLineHoweverLong()
    {
        string status = string.Join(' ', Enumerable.Repeat("broken", 200));
        var ports = Sample.Snapshot.Ports.Select(port => port with { Status = status }).ToArray();
        Assert.Contains(status, SnapshotView.PlainText(Sample.Snapshot with { Ports = ports }));
    }

    [Fact]
    public void WithoutBridgesNoneAreSpokenOf() => Assert.DoesNotContain("Bridge", SnapshotView.PlainText(Sample.Snapshot with { Bridges = [] }));

    [Fact]
    public void SaysWhereThereIsNothing() =>
        Assert.Contains("Ports\n(none)\n", SnapshotView.PlainText(new SwitchSnapshot("1", SwitchMode.Bridge, [], [], [])));

    [Fact]
    public void ATerminalGetsColoursWithinItsWidth()
    {
        var text = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, ColorSystem = ColorSystemSupport.Standard,
            Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = 100;
        SnapshotView.Write(console, Sample.Snapshot);
        Assert.Contains("\e[32mup (queues 2 of 2)\e[0m", text.ToString());
        Assert.Contains("\e[93mwaiting", text.ToString());
        Assert.All(text.ToString().Replace("\e[0m", "").Replace("\e[32m", "").Replace("\e[93m", "").Split('\n'),
            line => Assert.True(line.TrimEnd().Length <= 100));
    }

    [Fact]
    public void ShowsTheMacTableAlone() =>
        Assert.StartsWith("MAC               VLAN Port Age (s)\n00:01:02:03:04:05", SnapshotView.PlainText(Sample.Snapshot.MacTable));
}
