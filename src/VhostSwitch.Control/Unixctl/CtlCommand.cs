using System.Text.Json;
using Spectre.Console;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Show;

namespace VhostSwitch.Control.Unixctl;

/// <summary>Carries out <c>vhost-switch ctl</c>.</summary>
public static class CtlCommand
{
    /// <summary>Asks and prints the answer.</summary>
    /// <param name="options">What to ask.</param>
    /// <param name="output">Where the answer goes.</param>
    /// <param name="error">Where a sentence goes when there is none.</param>
    /// <param name="terminal">The terminal behind <paramref name="output"/>, for colours and its width; null where it is a file or a pipe.</param>
    /// <returns><see cref="ExitCode.Ok"/>, or <see cref="ExitCode.Failed"/> when nobody answers or the command is refused.</returns>
    public static async Task<int> RunAsync(CtlOptions options, TextWriter output, TextWriter error, IAnsiConsole? terminal)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(options.TimeoutSeconds));
        try
        {
            using var client = options.Socket is { } path
                ? await UnixctlClient.ConnectAsync(path, limit.Token).ConfigureAwait(false)
                : await UnixctlClient.ConnectToFirstAsync(ControlSocketPath.Defaults(options.FilePrefix), limit.Token).ConfigureAwait(false);
            if (terminal is not null && options is { Command: "show", Arguments.Count: 0 })
            {
                // The server knows nothing of this terminal: it sends the facts, and they are laid out here.
                string json = await client.CallAsync("show", [SwitchCommands.JsonArgument], limit.Token).ConfigureAwait(false);
                SnapshotView.Write(terminal, ShowJson.ReadSnapshot(json));
            }
            else
            {
                string answer = await client.CallAsync(options.Command, options.Arguments, limit.Token).ConfigureAwait(false);
                await output.WriteAsync(answer).ConfigureAwait(false);
            }
            return ExitCode.Ok;
        }
        catch (OperationCanceledException)
        {
            return Fail($"no answer within {options.TimeoutSeconds} s; --timeout S waits longer");
        }
        catch (JsonException e)
        {
            return Fail($"the answer is none of this vhost-switch: {e.Message}");
        }
        catch (Exception e) when (e is UnixctlException or UnixctlCommandException)
        {
            return Fail(e.Message);
        }

        int Fail(string sentence)
        {
            error.WriteLine($"vhost-switch ctl: {sentence}");
            return ExitCode.Failed;
        }
    }
}
