using VhostSwitch.InGuest;
using Xunit.Runner.InProc.SystemConsole;

// The tests need a kernel with modules that few machines have loaded: this program boots one and starts itself in it again, with --here.
return args switch
{
    ["--here", .. string[] rest] => await ConsoleRunner.Run(rest),
    ["--shell"] => await GuestSession.OpenShellAsync(),
    _ when args.Contains("-list") => await ConsoleRunner.Run(args),
    _ => await GuestSession.RunTestsAsync(args),
};
