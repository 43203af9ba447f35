using System.Diagnostics;
using System.Globalization;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>What is transferred.</summary>
/// <param name="FileBytes">The file that one guest serves from memory.</param>
/// <param name="Fetches">How often the other fetches it in one sample.</param>
internal sealed record TcpSettings(int FileBytes, int Fetches)
{
    public long Bytes => (long)FileBytes * Fetches;
}

/// <summary>
/// TCP between two Linux guests, every path in turn in every round. The guests are emulated, and their processors are the limit: what tells the paths
/// apart is the processor time that everything else takes for a byte.
/// </summary>
internal sealed class GuestTcp(TcpSettings settings, int rounds, Action<string> progress)
{
    /// <summary>The largest frame without segmentation offload, from Ethernet's header on.</summary>
    private const int LargestFrame = 1514;

    private const string VirtualProcessors = "CPU ";

    private const string ServerAddress = "10.0.0.1", ClientAddress = "10.0.0.2";

    private static readonly Func<TcpPath>[] Paths = [() => new OursTcp(), () => new OpenVswitchTcp(), () => new KernelBridge()];

    public static string OurName { get; } = new OursTcp().Name;

    /// <summary>Runs everything.</summary>
    public async Task<TcpReport> RunAsync()
    {
        var image = await GuestImage.GetAsync();
        var samples = new List<TcpSample>();
        for (int round = 1; round <= rounds; round++)
        {
            foreach (var make in Paths)
            {
                var sample = await MeasureAsync(make, image, round);
                samples.Add(sample);
                Tell(sample);
            }
        }
        string[] legend = [.. Paths.Select(make => make()).Select(path => $"{path.Name}: {path.What}")];
        return new TcpReport(settings, samples, TcpReport.FindingsOf(samples, OurName), legend, Machine.Describe());
    }

    private void Tell(TcpSample sample) => progress(
        $"round {sample.Round} of {rounds}: {sample.Contender,-14} {sample.NsPerByte,6:F3} ns a byte ({sample.SwitchNsPerByte:F3} the switch), " +
        $"{sample.Gbps:F2} Gbit/s, cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart ({sample.Place.Tell()})");

    private async Task<TcpSample> MeasureAsync(Func<TcpPath> make, GuestImage image, int round)
    {
        using var folder = new TestFolder();
        await using var path = make();
        await path.StartAsync(folder);
        await using var server = QemuGuest.Start(folder, image, path.Connect(new QemuGuestOptions { Name = "server" }, 0, "52:54:00:00:00:01"));
        await using var client = QemuGuest.Start(folder, image, path.Connect(new QemuGuestOptions { Name = "client" }, 1, "52:54:00:00:00:02"));
        await server.WaitForBootAsync();
        await client.WaitForBootAsync();
        await server.SetAddressAsync($"{ServerAddress}/24");
        await client.SetAddressAsync($"{ClientAddress}/24");
        await client.WaitForPingAsync(ServerAddress);
        // busybox's httpd hands whole files to the kernel, which makes segments as large as the device takes.
        await server.CheckAsync($"mkdir /tmp/www && head -c {settings.FileBytes} /dev/zero >/tmp/www/file && httpd -h /tmp/www");
        await FetchAsync(client, settings.Fetches);
        return await Near.MeasureAsync(() => TransferAsync(path, server, client, round), Tell);
    }

    private async Task<TcpSample> TransferAsync(TcpPath path, QemuGuest server, QemuGuest client, int round)
    {
        // Processor time, unlike a rate, is the same beside others; only the caches between the cores matter.
        double near = await Near.WaitAsync(besideOthers: true);
        long sent = await RetransmittedAsync(server);
        var (bytes, frames) = await ReceivedAsync(client);
        await path.BeginAsync();
        long emulators = OutsideProcessors(server) + OutsideProcessors(client), soft = ProcessorTime.OfSoftInterrupts();
        long start = Stopwatch.GetTimestamp();
        await FetchAsync(client, settings.Fetches);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        emulators = OutsideProcessors(server) + OutsideProcessors(client) - emulators;
        soft = ProcessorTime.OfSoftInterrupts() - soft;
        var time = await path.EndAsync();
        double after = Near.Distance(besideOthers: true);
        var (bytesEnd, framesEnd) = await ReceivedAsync(client);
        double mean = (double)(bytesEnd - bytes) / (framesEnd - frames);
        if (mean <= LargestFrame)
            throw new RigException($"frames of {mean:F0} bytes on average came over {path.Name}: the guests have no segmentation offload there");
        sent = await RetransmittedAsync(server) - sent;
        return new TcpSample(path.Name, round, settings.Bytes, seconds, time.Working, time.Whole, emulators, soft, mean, sent, near, after);
    }

    private Task<string> FetchAsync(QemuGuest client, int times) => client.CheckAsync(
        $"for i in $(seq {times}); do wget -q -O /dev/null http://{ServerAddress}/file || exit 1; done",
        GuestTransfer.LimitFor(settings.FileBytes) * times);

    private static long OutsideProcessors(QemuGuest guest) =>
        ProcessorTime.OfProcess(guest.Pid) - ProcessorTime.OfThreads(guest.Pid, VirtualProcessors);

    private static async Task<(long Bytes, long Frames)> ReceivedAsync(QemuGuest guest)
    {
        string[] numbers = (await guest.CheckAsync("cd /sys/class/net/eth0/statistics && cat rx_bytes rx_packets")).Split('\n');
        return (long.Parse(numbers[0], CultureInfo.InvariantCulture), long.Parse(numbers[1], CultureInfo.InvariantCulture));
    }

    // Two lines for the protocol: the names, then the numbers.
    private static async Task<long> RetransmittedAsync(QemuGuest guest)
    {
        string[][] lines = [.. (await guest.CheckAsync("grep ^Tcp: /proc/net/snmp")).Split('\n').Select(line => line.Split(' '))];
        return long.Parse(lines[1][Array.IndexOf(lines[0], "RetransSegs")], CultureInfo.InvariantCulture);
    }
}
