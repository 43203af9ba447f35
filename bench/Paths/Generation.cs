using System.Text;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// How fast frames are generated: this project's testpmd and DPDK's, each with a virtio_user port in txonly and flowgen, into DPDK's net_vhost in
/// rxonly, in turn in every round. What arrives counts.
/// </summary>
internal sealed class Generation(Settings settings, int rounds, Action<string> progress)
{
    private const int GeneratorCore = 0, ReceiverCore = 1;
    private const string Ours = "testpmd", Peer = "dpdk-testpmd", Mac = "00:01:02:03:04:05";

    private static readonly string[] Modes = ["txonly", "flowgen"];

    /// <summary>Runs everything and gives the figures for people.</summary>
    public async Task<string> RunAsync()
    {
        var samples = new List<Sample>();
        foreach (string mode in Modes)
        {
            for (int round = 1; round <= rounds; round++)
            {
                foreach (string generator in (string[])[Ours, Peer])
                {
                    var sample = await MeasureAsync(generator, mode, round);
                    samples.Add(sample);
                    progress($"{mode}, round {round} of {rounds}: {generator,-12} {sample.Mpps,7:F2} Mpps, cores {sample.BeforeNs:F0} and "
                        + $"{sample.AfterNs:F0} ns apart");
                }
            }
        }
        return Describe(samples);
    }

    private async Task<Sample> MeasureAsync(string generator, string mode, int round)
    {
        using var folder = new TestFolder();
        string socket = folder.File("s");
        double before = CoreDistance.Measure(GeneratorCore, ReceiverCore);
        await using var receiver = Testpmd.Start(folder, new TestpmdOptions
        {
            Title = "receiver", Core = ReceiverCore, ForwardMode = "rxonly", HugePages = true, Ports = [new NetVhostPort(socket)],
        });
        await receiver.WaitUntilReadyAsync();
        await receiver.StartForwardingAsync();
        await using var sender = Testpmd.Start(folder, new TestpmdOptions
        {
            Title = generator,
            Own = generator == Ours,
            Core = GeneratorCore,
            ForwardMode = mode,
            HugePages = true,
            SegmentLengths = [settings.Frames.Single],
            Ports = [new VirtioUserPort(socket, Mac) { Mergeable = settings.Mergeable, Packed = settings.Packed, InOrder = settings.InOrder }],
        });
        await sender.WaitUntilReadyAsync();
        await sender.StartForwardingAsync();
        await Task.Delay(TimeSpan.FromSeconds(settings.WarmUpSeconds));
        // The rate is that since the last show.
        await receiver.ShowCountersAsync();
        await Task.Delay(TimeSpan.FromSeconds(settings.Seconds));
        double mpps = (await receiver.ShowCountersAsync())[0].ReceivedPerSecond / 1e6;
        await sender.QuitAsync();
        await receiver.QuitAsync();
        return new Sample(generator, mode, settings.Frames.Name, round, mpps, before, CoreDistance.Measure(GeneratorCore, ReceiverCore));
    }

    private string Describe(List<Sample> samples)
    {
        var text = new StringBuilder($"frames of {settings.Frames.Name}, {settings.Ring}, {Machine.Describe()}\n");
        foreach (string mode in Modes)
        {
            foreach (string generator in (string[])[Ours, Peer])
            {
                double[] rates = [.. samples.Where(s => s.Load == mode && s.Contender == generator && s.Place == Placement.Near).Select(s => s.Mpps)];
                text.Append(rates.Length == 0 ? $"  {mode,-8} {generator,-12} inconclusive: no sample with the cores near each other\n"
                    : $"  {mode,-8} {generator,-12} {Statistics.Median(rates),7:F2} Mpps median of {rates.Length} ({rates.Min():F2} to "
                        + $"{rates.Max():F2})\n");
            }
            var ratio = Finding.Ratio($"{mode}: {Ours} / {Peer}", samples.Where(s => s.Load == mode), Ours, Peer, (a, b) => a.Mpps / b.Mpps);
            text.Append($"  {ratio.Tell()}\n");
        }
        return text.ToString();
    }
}
