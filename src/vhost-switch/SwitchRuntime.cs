using System.Runtime.InteropServices;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;

namespace VhostSwitch.Program;

/// <summary>Runs the switch until a signal asks it to end.</summary>
public static class SwitchRuntime
{
    /// <summary>Starts the switch, waits for SIGINT or SIGTERM, and stops it: rings quiesced, sockets removed.</summary>
    /// <param name="configuration">What it is to do.</param>
    /// <param name="output">Where its lines go.</param>
    /// <param name="errors">Where it says why it cannot start.</param>
    /// <returns><see cref="ExitCode.Ok"/>, or <see cref="ExitCode.Failed"/> where it cannot start.</returns>
    public static async Task<int> RunAsync(SwitchConfiguration configuration, TextWriter output, TextWriter errors)
    {
        using var stop = new StopSignal();
        try
        {
            using var instance = SwitchInstance.Start(configuration, GuestQueueFactory.Default, output.WriteLine);
            await stop.Wait.ConfigureAwait(false);
            return ExitCode.Ok;
        }
        catch (VhostException e)
        {
            errors.WriteLine($"vhost-switch: {e.Message}");
            return ExitCode.Failed;
        }
    }

    private sealed class StopSignal : IDisposable
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly PosixSignalRegistration[] _registrations;

        public StopSignal() => _registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(s => PosixSignalRegistration.Create(s, Ask))];

        public Task Wait => _asked.Task;

        public void Dispose() => Array.ForEach(_registrations, r => r.Dispose());

        // The runtime would end the process itself.
        private void Ask(PosixSignalContext context)
        {
            context.Cancel = true;
            _asked.TrySetResult();
        }
    }
}
