using System.Runtime.InteropServices;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.FileConfiguration;
using VhostSwitch.Control.Ovsdb;
using VhostSwitch.Control.Statistics;
using VhostSwitch.Control.Unixctl;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Ports;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;

namespace VhostSwitch.Program;

/// <summary>Runs the switch until a signal, or the control socket's <c>exit</c>, asks it to end.</summary>
public static class SwitchRuntime
{
    /// <summary>Starts the switch, waits until it is asked to end, and stops it: rings quiesced, sockets removed.</summary>
    /// <param name="configuration">What it is to do.</param>
    /// <param name="output">Where its lines go.</param>
    /// <param name="errors">Where it says why it cannot start.</param>
    /// <returns><see cref="ExitCode.Ok"/>, or <see cref="ExitCode.Failed"/> where it cannot start.</returns>
    public static async Task<int> RunAsync(SwitchConfiguration configuration, TextWriter output, TextWriter errors)
    {
        // Lines come from the control thread, the control socket and the statistics timer.
        output = TextWriter.Synchronized(output);
        var logLevel = configuration.LogLevel;
        foreach (string notice in OwnMemory.Notices(configuration.Memory))
            output.WriteLine(notice);
        // Everything but poll threads keeps off their processors.
        if (configuration.ControlCores.Count > 0) CpuAffinity.PinAllBut(PollThread.NamePrefix, [.. configuration.ControlCores]);
        using var stop = new StopRequest();
        try
        {
            using var instance = SwitchInstance.Start(configuration, GuestQueueFactory.Default, Log);
            await using var control = new UnixctlServer(ProductVersion.Line, fault => output.WriteLine($"control socket: {fault.Message}"));
            SwitchCommands.Register(control, instance.SnapshotAsync, instance.StatisticsAsync, new OvsCommands(instance, level => logLevel = level), stop.Ask);
            var session = configuration.Config is { } config ? new ConfigSession(config.File, instance, Log) : null;
            ConfigCommands.Register(control, session, configuration.Ovsdb is null
                ? "the ports of this switch are those of its command line: started with --config FILE, it takes changes while it runs"
                : "the ports of this switch are those of its database: ovs-vsctl changes them");
            Listen(control, configuration, output);
            // Sockets of ports are made beside the control socket, whose folder is there by now.
            if (session is not null) await session.StartAsync().ConfigureAwait(false);
            using var ending = new CancellationTokenSource();
            var statistics = PrintStatisticsAsync(configuration, instance, output, ending.Token);
            // Ends by itself only for a fault of this program.
            var database = configuration.Ovsdb is { } target
                ? new OvsdbClient(target.SocketPath, instance, ProductVersion.Line, Log).RunAsync(ending.Token)
                : null;
            await Task.WhenAny(stop.Asked, instance.Failed, database ?? stop.Asked).ConfigureAwait(false);
            await ending.CancelAsync().ConfigureAwait(false);
            await statistics.ConfigureAwait(false);
            if (database is not null) await database.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            string? fault = instance.Failed.IsCompleted ? instance.Failed.Result
                : database?.Exception is { } e ? $"configuring by the database failed: {e.InnerException}" : null;
            if (fault is null) return ExitCode.Ok;
            errors.WriteLine($"vhost-switch: {fault}");
            return ExitCode.Failed;
        }
        catch (Exception e) when (e is VhostException or PortException or LinuxException or UnixctlException)
        {
            errors.WriteLine($"vhost-switch: {e.Message}");
            return ExitCode.Failed;
        }

        void Log(LogLevel level, string line)
        {
            if (level <= logLevel) output.WriteLine(line);
        }
    }

    // A place that the user named must work, and one that another switch serves is a mistake to hear of. Without any place by default the switch still switches.
    private static void Listen(UnixctlServer control, SwitchConfiguration configuration, TextWriter output)
    {
        if (configuration.ControlSocket is { } path)
        {
            control.Listen(path);
            return;
        }
        try
        {
            control.ListenAtDefault(configuration.FilePrefix);
        }
        catch (NoControlSocketException e)
        {
            output.WriteLine($"running without a control socket, so 'vhost-switch ctl' cannot reach this switch: {e.Message}");
        }
    }

    private static async Task PrintStatisticsAsync(SwitchConfiguration configuration, SwitchInstance instance, TextWriter output, CancellationToken end)
    {
        if (configuration.StatisticsPeriodSeconds == 0) return;
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(configuration.StatisticsPeriodSeconds));
        try
        {
            while (await timer.WaitForNextTickAsync(end).ConfigureAwait(false))
                StatisticsScreen.Write(output, await instance.StatisticsAsync().ConfigureAwait(false), isTerminal: !Console.IsOutputRedirected);
        }
        catch (OperationCanceledException)
        {
            // The switch ends.
        }
    }

    private sealed class StopRequest : IDisposable
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly PosixSignalRegistration[] _registrations;

        public StopRequest() => _registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(s => PosixSignalRegistration.Create(s, OnSignal))];

        public Task Asked => _asked.Task;

        public void Ask() => _asked.TrySetResult();

        public void Dispose() => Array.ForEach(_registrations, r => r.Dispose());

        // The runtime would end the process itself.
        private void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            Ask();
        }
    }
}
